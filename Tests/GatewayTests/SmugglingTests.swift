import Glibc
import Model
import NIOCore
import Pool
import Testing

@testable import Gateway

extension SocketTests {
    /// RFC 9112 section 11, and the tricks of which HTTP desynchronisation attacks are made: whatever a client sends, the
    /// backend gets the requests that the gateway meant, by any reading of their bytes, and no head that a client wrote.
    @Suite("lets nothing past")
    struct SmugglingTests {
        @Test("no client makes the backend see another request", arguments: ForwardingTests.wires)
        func clients(_ wire: WorkerProtocol) async throws {
            let backend = RecordingBackend(wire)
            var options = TestGateway.Options()
            options.wire = wire
            // What is still being sent when the refusal comes is to be taken, however slowly it comes.
            options.lingerTime = .seconds(5)
            #expect(SmugglingTable.all.count > 200)
            try await TestGateway.run(options, worker: backend.behaviour) { server in
                for trick in SmugglingTable.all {
                    do {
                        try TrickRun(trick, wire, server, backend).run()
                    } catch {
                        Issue.record("\(wire), \(trick.name): \(error)")
                    }
                }
            }
        }

        @Test("tricks that come byte by byte end the same way", arguments: ForwardingTests.wires)
        func bytewise(_ wire: WorkerProtocol) async throws {
            let backend = RecordingBackend(wire)
            var options = TestGateway.Options()
            options.wire = wire
            // What is still being sent when the refusal comes is to be taken, however slowly it comes.
            options.lingerTime = .seconds(5)
            try await TestGateway.run(options, worker: backend.behaviour) { server in
                for trick in SmugglingTable.all where trick.bytes.count < 200 {
                    do {
                        try TrickRun(trick, wire, server, backend).run(bytewise: true)
                    } catch {
                        Issue.record("\(wire), \(trick.name), byte by byte: \(error)")
                    }
                }
            }
        }
        @Test("no answer of an app becomes two", arguments: SplittingTable.all)
        func apps(_ answer: SplitAnswer) async throws {
            let behaviour: FakeWorker.Behaviour = { connection in
                while let (request, _) = try connection.readRequest() {
                    guard request.path == "/attack" else {
                        try connection.answer("fine")
                        continue
                    }
                    try connection.stream.send(answer.bytes)
                    if answer.closes { return }
                }
            }
            try await TestGateway.run(worker: behaviour) { server in
                let client = try server.client()
                for _ in 0..<2 {
                    let attacked = try Self.finalAnswer(try server.client(), "/attack")
                    switch answer.outcome {
                    case .badGateway: #expect(attacked?.status == 502)
                    case .body(let text): #expect(attacked?.status == 200 && attacked?.text == text)
                    case .brokenOff: #expect(attacked == nil)
                    case .any: break
                    }
                    #expect(attacked?.head.contains("evil") != true && attacked?.text.contains("evil") != true)
                    // Another client, on a connection that was there before: nothing of the attack is left for it.
                    let next = try client.get("/next")
                    #expect(next.status == 200 && next.text == "fine" && client.stream.waiting == 0)
                }
            }
        }

        @Test("an answer that comes before its request is nobody's")
        func early() async throws {
            let go = Signal()
            let behaviour: FakeWorker.Behaviour = { connection in
                while try connection.readRequest() != nil {
                    try connection.answer("fine")
                    guard connection.worker.requestCount == 1, go.wait() else { continue }
                    try connection.answer("evil")
                }
            }
            try await TestGateway.run(worker: behaviour) { server in
                let client = try server.client()
                #expect(try client.get("/").text == "fine")
                go.raise()
                #expect(eventually { server.fleet.workers[0].openConnections == 0 })
                for _ in 0..<3 { #expect(try client.get("/").text == "fine") }
                #expect(client.stream.waiting == 0)
            }
        }

        /// Nil when the connection ended before the answer did.
        private static func finalAnswer(_ client: TestClient, _ path: String) throws -> Answer? {
            try client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
            for _ in 0..<20_000 {
                guard let answer = try? client.answer() else { return nil }
                if answer.status >= 200 { return answer }
            }
            throw TestFailure("interim answers without end")
        }
    }
}

/// Plays one trick on the gateway and judges both sides.
private struct TrickRun {
    private let trick: Trick
    private let wire: WorkerProtocol
    private let server: TestGateway
    private let backend: RecordingBackend

    init(_ trick: Trick, _ wire: WorkerProtocol, _ server: TestGateway, _ backend: RecordingBackend) {
        self.trick = trick
        self.wire = wire
        self.server = server
        self.backend = backend
    }

    func run(bytewise: Bool = false) throws {
        _ = backend.take()
        let client = try server.client()
        if bytewise {
            // What is refused early ends the connection under the client's hands.
            for byte in trick.bytes { do { try client.stream.send([byte]) } catch { break } }
        } else {
            try client.stream.send(trick.bytes)
        }
        switch trick.outcome {
        case .refused:
            try expectRefusal(client)
            try judge(requests: 0)
        case .waits:
            shutdown(client.stream.descriptor, Int32(SHUT_WR))
            let answer = String(decoding: (try? client.stream.readToEnd()) ?? [], as: UTF8.self)
            try check(!answer.contains(" 200 ") && !answer.contains("smuggled"), "answered \(answer.debugDescription)")
            try judge(requests: 0)
        case .passesThenRefused:
            _ = try expectAnswer(client)
            try expectRefusal(client)
            try judge(requests: 1)
        case .passes(let count):
            try expectPassing(client, count)
        }
    }

    private func expectPassing(_ client: TestClient, _ count: Int) throws {
        var client = client
        for number in 0..<count {
            let answer = try expectAnswer(client)
            if answer.endsConnection {
                try check(number == count - 1, "the connection ended after \(number + 1) answers")
                client = try server.client()
            }
        }
        // An answer to it shows that client, gateway and backend agree on where the requests before it ended.
        let next = try client.get("/next")
        try check(next.status == 200 && next.text == "GET /next ", "then \(next.status) \(next.text.debugDescription)")
        try judge(requests: count + 1)
    }

    private func finalAnswer(_ client: TestClient) throws -> Answer {
        let isHead = trick.bytes.starts(with: Array("HEAD ".utf8))
        for _ in 0..<10 {
            let answer = try client.answer(toHead: isHead)
            if answer.status >= 200 { return answer }
        }
        throw TestFailure("interim answers only")
    }

    private func expectAnswer(_ client: TestClient) throws -> Answer {
        let answer = try finalAnswer(client)
        try check(answer.status == 200, "answered \(answer.status)")
        try check(!answer.text.hasPrefix("GET /smuggled"), "answered the smuggled request")
        return answer
    }

    private func expectRefusal(_ client: TestClient) throws {
        let answer = try finalAnswer(client)
        try check((400..<600).contains(answer.status), "answered \(answer.status) \(answer.text.prefix(80))")
        try check(![500, 502, 503, 504].contains(answer.status), "\(answer.status): it went to the backend")
        try check(client.isEnded(), "the connection stays open after \(answer.status)")
    }

    /// By every reading of its bytes the backend got these requests, and in no head what only the gateway may say.
    private func judge(requests count: Int) throws {
        let bytes = backend.take()
        let strict = BackendReading(wire, .strict).all(in: bytes)
        try check(strict.requests.count == count, "the backend got \(strict.requests.map(\.head))")
        for dialect in BackendReading.Dialect.allCases {
            let read = BackendReading(wire, dialect).all(in: bytes)
            let isSame = read.requests.map(\.path) == strict.requests.map(\.path) && read.rest == 0
            try check(isSame, "read as \(dialect) it is \(read.requests.map(\.path)) and \(read.rest) bytes")
            for request in read.requests { try judge(request) }
        }
        if let first = strict.requests.first {
            for (name, value) in trick.has {
                try check(first.fields[name] == value, "\(name) is \(first.fields[name] ?? "missing")")
            }
        }
    }

    private static let neverSent: Set<String> = [
        "HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTP_TE", "HTTP_TRAILER", "HTTP_KEEP_ALIVE",
        "HTTP_PROXY_CONNECTION", "HTTP_PROXY_AUTHORIZATION", "HTTP_HTTP2_SETTINGS", "HTTP_EXPECT", "HTTP_HTTP_HOST",
    ]

    private func judge(_ request: RecordedRequest) throws {
        let head = request.head.lowercased()
        try check(!head.contains("evil") && !head.contains("smuggled"), "a head with \(request.head.debugDescription)")
        try check(!head.contains("h2c"), "an offer of h2c was passed on")
        try check(request.repeated.isEmpty, "twice in a head: \(request.repeated)")
        let forbidden = request.fields.keys.filter { Self.neverSent.contains($0) }
        try check(forbidden.isEmpty, "passed on: \(forbidden)")
        let hasBoth = request.fields["CONTENT_LENGTH"] != nil && request.fields["HTTP_TRANSFER_ENCODING"] != nil
        try check(!hasBoth, "both framings were passed on")
        try check(request.fields["HTTP_HOST"] != nil || request.fields["SERVER_PROTOCOL"] == "HTTP/1.0", "no host")
    }

    private func check(_ condition: Bool, _ text: @autoclosure () -> String) throws {
        if !condition { throw TestFailure(text()) }
    }
}
