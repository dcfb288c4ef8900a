import HTTP1
import Testing

@Suite struct AcceptTests {
    private func prefersJSON(_ fields: String) -> Bool {
        withRequest("GET / HTTP/1.1\r\nHost: example.com\r\n\(fields)\r\n") { AcceptScan.prefersJSON($0, $1) }
    }

    @Test(
        "JSON is for those who ask for it",
        arguments: [
            "application/json", "application/json, text/plain, */*", "application/vnd.api+json",
            "APPLICATION/JSON;q=0.9",
            "application/problem+json;q=0.2", "text/html;q=0.5, application/json", "text/*;q=0.5,application/*",
            "text/html;q=0, application/json;q=0.001", "application/json;v=\"a,b\"",
            "text/html;q=x,application/json;q=0.1",
        ])
    func json(_ accept: String) { #expect(prefersJSON("Accept: \(accept)\r\n"), "\(accept)") }

    @Test(
        "everybody else gets HTML",
        arguments: [
            "*/*", "", "text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
            "text/html, application/json", "application/json;q=0.9, text/html", "application/json;q=0", "image/png",
            "application/*, text/*", "application/json;q=0.5, */*", "application/json;q=2", "application/json;q=0.0000",
            "text/json", ",;,", "\"application/json\"",
        ])
    func html(_ accept: String) { #expect(!prefersJSON("Accept: \(accept)\r\n"), "\(accept)") }

    @Test("all Accept fields count; without one it is HTML")
    func fields() {
        #expect(!prefersJSON(""))
        #expect(prefersJSON("Accept: text/html;q=0.1\r\nAccept: application/json\r\n"))
        #expect(!prefersJSON("Accept: application/json\r\nAccept: text/html\r\n"))
    }
}
