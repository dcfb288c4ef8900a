import AdminAPI
import HTTPTypes
import Hummingbird
import Linux
import Model
import NIOCore

extension Dashboard {
    /// Nothing from elsewhere, nothing inline, in no frame, and no other site learns of it.
    private static let protection: [(String, String)] = [
        (
            "Content-Security-Policy",
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
                + "frame-ancestors 'none'; base-uri 'none'"
        ),
        ("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ]

    private static func headers(_ type: String) -> HTTPFields {
        var headers: HTTPFields = [.contentType: type]
        for (name, value) in protection {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        return headers
    }

    static func text(_ text: String, _ type: String) -> Response {
        Response(status: .ok, headers: headers(type), body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    static func goTo(_ path: String) -> Response {
        var headers = headers("text/plain")
        headers[.location] = path
        return Response(status: .seeOther, headers: headers)
    }

    private struct Update: Encodable {
        var order: [String]
        var sections: [DashboardPage.Section]
    }

    private static let heartbeat = Duration.seconds(15)

    /// Server-sent events: sections that are not as they were when this reader was last written to. It is written to when it
    /// has taken what came before, and then gets the newest state.
    func events(_ visitor: Visitor) async throws -> Response {
        guard let states = await feed.read() else {
            throw ControlError(.notRunning, "Too many pages are open.", hint: "The page can be loaded again by hand.")
        }
        let page = DashboardPage(standing: visitor.standing, formSecret: visitor.session.formSecret)
        let body = ResponseBody { [self] writer in
            var shown: [String: String] = [:]
            var order: [String] = []
            var wroteAt = monotonicNow()
            for await state in states {
                guard isStill(visitor) else { break }
                let sections = page.sections(state)
                let changed = sections.filter { shown[$0.id] != $0.html }
                let isSame = changed.isEmpty && order == sections.map(\.id)
                if isSame, monotonicNow() - wroteAt < Self.heartbeat { continue }
                order = sections.map(\.id)
                shown = Dictionary(sections.map { ($0.id, $0.html) }, uniquingKeysWith: { $1 })
                var bytes = ByteBuffer(string: isSame ? ":" : "event: state\ndata: ")
                if !isSame { bytes.writeBytes(try WireJSON.encode(Update(order: order, sections: changed))) }
                bytes.writeString("\n\n")
                try await writer.write(bytes)
                wroteAt = monotonicNow()
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: Self.headers("text/event-stream"), body: body)
    }
}
