import HTTP1
import Model
import Pool
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("finds the app of a request")
    struct RoutedRequestsTests {
        /// Host, target, `base_uri` of the route that answers, or nil for none; each route says its names and base.
        struct Case: CustomStringConvertible {
            var host: String
            var target: String
            var found: String?
            init(_ host: String, _ target: String, _ found: String?) {
                (self.host, self.target, self.found) = (host, target, found)
            }
            var description: String { "\(host) \(target)" }
        }

        static let cases = [
            Case("example.com", "/", "exact"), Case("EXAMPLE.com", "/", "exact"),
            Case("example.com:8080", "/", "exact"),
            Case("example.com.", "/", "exact"), Case("example.com.:80", "/", "exact"),
            Case("a.example.com", "/", "wild"), Case("b.a.example.com", "/", "deep"),
            Case("a.a.EXAMPLE.com", "/", "deep"),
            Case("badexample.com", "/", nil), Case(".example.com", "/", nil), Case("other", "/", nil),
            Case("example.com", "/shop", "shop"), Case("example.com", "/shop/", "shop"),
            Case("example.com", "/shop/x", "shop"),
            Case("example.com", "/shop?a", "shop"), Case("example.com", "/shopping", "exact"),
            Case("example.com", "/shop/admin", "admin"), Case("example.com", "/shop/administer", "shop"),
            Case("other", "http://example.com/shop", "shop"), Case("example.com", "http://other/", nil),
        ]

        private static let routes: [(names: [String], base: String, mark: String)] = [
            (["example.com"], "/", "exact"), (["example.com"], "/shop", "shop"),
            (["example.com"], "/shop/admin", "admin"),
            (["*.example.com"], "/", "wild"), (["*.a.example.com"], "/", "deep"),
        ]

        /// Many names are looked up in another way than a few.
        @Test("by host, then by the longest base_uri", arguments: [0, 20])
        func table(others: Int) async throws {
            try await TestGateway.run(worker: Behaviours.echo) { server in
                let more: [(names: [String], base: String, mark: String)] = (0..<others).map { number in
                    (["other\(number).test"], "/", "other")
                }
                server.gateway.setRoutes(
                    (Self.routes + more).map { names, base, mark in
                        var settings = server.settings
                        settings.serverNames = names
                        settings.http.baseURI = base
                        settings.http.setHeaders = ["X-Route": mark]
                        return Route(app: server.app, settings: settings)
                    })
                for one in Self.cases {
                    let client = try server.client()
                    try client.send("GET \(one.target) HTTP/1.1\r\nHost: \(one.host)\r\n\r\n")
                    let answer = try client.answer()
                    #expect(answer.field("X-Route") == one.found, "\(one)")
                    #expect(answer.status == (one.found == nil ? 404 : 200), "\(one)")
                }
                let client = try server.client()
                try client.send("OPTIONS * HTTP/1.1\r\nHost: example.com\r\n\r\n")
                #expect(try client.answer().field("X-Route") == "exact")
            }
        }

        @Test(
            "an app with a session learns where it is mounted, one with HTTP gets the whole path",
            arguments: [true, false])
        func mounted(_ isSession: Bool) async throws {
            let options = TestGateway.Options(
                wire: isSession ? .session : .http, settings: { $0.http.baseURI = "/shop" })
            try await TestGateway.run(
                options,
                worker: { connection in
                    while let (request, _) = try connection.readRequest() {
                        let names = ["SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REQUEST_URI"]
                        try connection.answer(names.map { request.fields[$0] ?? "-" }.joined(separator: " "))
                    }
                }
            ) { server in
                let client = try server.client()
                let expected = isSession ? "/shop /a%20b q=1 /shop/a%20b?q=1" : "- - - /shop/a%20b?q=1"
                #expect(try client.get("/shop/a%20b?q=1").text == expected)
                #expect(try client.get("/shopping").status == 404)
            }
        }
    }
}
