import Foundation
import Testing

/// Takes one webhook call at a time and keeps it: a few lines of Python, which checks the signature too.
final class WebhookServer {
    struct Call: CustomStringConvertible {
        var body: String
        var signature: String
        fileprivate var place: Place

        func isSigned(with secret: String) -> Bool {
            let script = """
                import hmac, sys
                body = open(sys.argv[1], 'rb').read()
                print(hmac.compare_digest('sha256=' + hmac.new(sys.argv[2].encode(), body, 'sha256').hexdigest(), sys.argv[3]))
                """
            let end = try? Program(
                ["python3", "-c", script, "\(place.path)/hook.body", secret, signature],
                environment: ProcessInfo.plainEnvironment, in: place
            ).wait()
            return end?.output.contains("True") == true
        }
        var description: String { "\(signature): \(body)" }
    }

    private static let script = """
        import http.server, sys
        class Hook(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                open(sys.argv[1] + '/hook.body', 'wb').write(body)
                open(sys.argv[1] + '/hook.signature', 'w').write(self.headers['X-Passenger-Signature-256'] or '-')
                self.send_response(204)
                self.end_headers()
        server = http.server.HTTPServer(('127.0.0.1', 0), Hook)
        open(sys.argv[1] + '/hook.port', 'w').write(str(server.server_port))
        server.serve_forever()
        """

    let port: Int
    private let place: Place
    private let program: Program

    init(in place: Place) throws {
        self.place = place
        program = try Program(
            ["python3", "-c", Self.script, place.path], environment: ProcessInfo.plainEnvironment, in: place)
        var found: Int?
        try eventually("a webhook's port", evidence: { "" }) {
            found = Int(text(of: "\(place.path)/hook.port"))
            return found != nil
        }
        port = try #require(found)
    }

    deinit {
        program.signal(SIGKILL)
        _ = try? program.wait()
    }

    func request() throws -> Call {
        try eventually("a call of the webhook", evidence: { "" }) { !text(of: "\(place.path)/hook.signature").isEmpty }
        return Call(
            body: text(of: "\(place.path)/hook.body"), signature: text(of: "\(place.path)/hook.signature"), place: place
        )
    }
}
