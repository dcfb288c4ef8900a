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
    /// A command that writes without end is not to be drawn anew for each line.
    private static let pause = Duration.milliseconds(250)

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

    /// The same for the page of one deploy, until that is over.
    func events(of app: AppName, _ number: DeployNumber, _ visitor: Visitor) async throws -> Response {
        let first = try await plane.deploy(app, number)
        guard let operation = first.operation else { throw ControlError(.notFound, "This deploy is over.") }
        guard let place = deployReaders.take() else {
            throw ControlError(.notRunning, "Too many pages are open.", hint: "The page can be loaded again by hand.")
        }
        let events = try await plane.events(app, operation: operation)
        let body = ResponseBody { [self] writer in
            // A page that is gone before this begins has given its place back with the answer.
            defer { withExtendedLifetime(place) {} }
            // What came meanwhile is drawn once.
            let (news, teller) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
            let following = Task {
                for await _ in events { teller.yield() }
                teller.finish()
            }
            let beating = Task {
                while (try? await Task.sleep(for: Self.heartbeat)) != nil { teller.yield() }
            }
            defer {
                following.cancel()
                beating.cancel()
            }
            var shown = ""
            var isOver = false
            var changes = news.makeAsyncIterator()
            while !isOver {
                isOver = await changes.next() == nil
                guard isStill(visitor) else { break }
                let section = await section(app, try await plane.deploy(app, number))
                try await writer.write(try Self.update(section, unless: shown))
                shown = section.html
                if isOver {
                    try await writer.write(ByteBuffer(string: "event: end\ndata: \n\n"))
                } else {
                    try? await Task.sleep(for: Self.pause)
                }
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: Self.headers("text/event-stream"), body: body)
    }

    private static func update(_ section: DashboardPage.Section, unless shown: String) throws -> ByteBuffer {
        guard section.html != shown else { return ByteBuffer(string: ":\n\n") }
        var bytes = ByteBuffer(string: "event: state\ndata: ")
        bytes.writeBytes(try WireJSON.encode(Update(order: [section.id], sections: [section])))
        bytes.writeString("\n\n")
        return bytes
    }
}
