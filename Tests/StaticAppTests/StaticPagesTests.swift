import HTTP1
import Testing

@testable import StaticApp

@Suite struct StaticPagesTests {
    private let pages = StaticPages(index: Array("<h1>home</h1>".utf8), notFound: Array("<h1>gone</h1>".utf8))

    private func answer(_ method: Method, _ path: String, keepsAlive: Bool = true, _ pages: StaticPages? = nil)
        -> String
    {
        String(decoding: (pages ?? self.pages).answer(to: method, path: path, keepsAlive: keepsAlive), as: UTF8.self)
    }

    @Test func `the root is the index, so that a health probe tells a site from none`() {
        let answer = answer(.get, "/")
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.hasSuffix("\r\n\r\n<h1>home</h1>"))
        #expect(answer.contains("Content-Length: 13\r\n") && !answer.contains("Connection"))
    }

    @Test func `what no file answers is the site's own page, or a plain one`() {
        let answer = answer(.get, "/nothing")
        #expect(answer.hasPrefix("HTTP/1.1 404 Not Found\r\n") && answer.hasSuffix("<h1>gone</h1>"))
        #expect(self.answer(.get, "/nothing", StaticPages(index: [])).contains("There is no such page here."))
    }

    @Test func `HEAD has the length of what it leaves out`() {
        #expect(answer(.head, "/").contains("Content-Length: 13\r\n") && answer(.head, "/").hasSuffix("\r\n\r\n"))
    }

    @Test func `nothing can be sent to it, and a body that nobody reads ends the connection`() {
        let answer = answer(.post, "/", keepsAlive: false)
        #expect(answer.hasPrefix("HTTP/1.1 405 ") && answer.contains("Allow: GET, HEAD\r\n"))
        #expect(answer.contains("Connection: close\r\n"))
    }
}
