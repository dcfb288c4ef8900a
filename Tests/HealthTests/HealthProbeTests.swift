import Glibc
import Health
import Linux
import Model
import Testing

/// Against real sockets; every wait is bounded by a probe's own limit.
@Suite(.serialized, .timeLimit(.minutes(5))) struct HealthProbeTests {
    private func probe(
        _ script: [ScriptedServer.Step], _ wireProtocol: ProbeProtocol = .session, tcp: Bool = false,
        settings: HealthSettings = HealthSettings(), timeLimit: Duration = .seconds(10)
    ) throws -> (result: ProbeResult, request: String) {
        let server = try ScriptedServer(wireProtocol, tcp: tcp, script)
        let result = HealthProbe.run(
            address: server.address, wireProtocol: wireProtocol,
            request: ProbeRequest(settings, serverName: "blog.example"),
            timeLimit: timeLimit)
        return (result, String(decoding: server.finish(), as: UTF8.self))
    }

    @Test("a session worker gets CGI variables, and its answer is read")
    func session() throws {
        var settings = HealthSettings()
        settings.path = "/up?full=1"
        settings.headers = ["X-Token": "t"]
        let (result, request) = try probe(
            [.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"), .hang],
            settings: settings)
        let answer = try result.outcome.get()
        #expect(answer.status == 200)
        #expect(answer.reason == "OK")
        #expect(answer.header("content-type") == "text/plain")
        #expect(answer.body == Array("hello".utf8))
        #expect(answer.bodyComplete)
        for pair in [
            "REQUEST_METHOD\0GET", "PATH_INFO\0/up", "QUERY_STRING\0full=1", "HTTP_X_TOKEN\0t",
            "HTTP_HOST\0blog.example",
        ] {
            #expect(request.contains(pair + "\0"))
        }
    }

    @Test("an http worker gets HTTP, over a Unix socket and a port", arguments: [false, true])
    func http(tcp: Bool) throws {
        let (result, request) = try probe(
            [
                .send(
                    "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
                ),
                .send("1\r\nd\r\n0\r\n\r\n"), .hang,
            ], .http, tcp: tcp)
        let answer = try result.outcome.get()
        #expect(answer.status == 404)
        #expect(answer.body == Array("abcd".utf8))
        #expect(answer.bodyComplete)
        #expect(request.hasPrefix("GET / HTTP/1.1\r\nHost: blog.example\r\n"))
        #expect(request.contains("Connection: close\r\n"))
    }

    @Test("a body without a length ends with the connection, and no more than 64 KiB of it is read")
    func bodies() throws {
        let short = try probe([.send("HTTP/1.1 200 OK\r\n\r\nabc"), .close]).result.outcome.get()
        #expect(short.body == Array("abc".utf8))
        #expect(short.bodyComplete)
        let long = String(repeating: "x", count: 300_000)
        for head in ["", "Content-Length: 300000\r\n"] {
            let answer = try probe([.send("HTTP/1.1 200 OK\r\n\(head)\r\n\(long)"), .close]).result.outcome.get()
            #expect(answer.body.count == HealthProbe.bodyLimit)
            #expect(!answer.bodyComplete)
        }
    }

    @Test("a stream that goes on is an answer")
    func stream() throws {
        let answer = try probe(
            [.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), .hang],
            timeLimit: .seconds(2)
        ).result.outcome.get()
        #expect(answer.status == 200)
        #expect(answer.body == Array("abc".utf8))
        #expect(!answer.bodyComplete)
    }

    @Test("a worker that says nothing is waited for as long as asked, no longer")
    func silence() throws {
        let result = try probe([.hang], timeLimit: .milliseconds(150)).result
        #expect(result.outcome == .failure(ProbeFailure(.timedOut, "no answer within 150 ms")))
        #expect(result.duration >= .milliseconds(150))
        #expect(result.duration < .seconds(30))
    }

    @Test("a listener that never accepts is found out too")
    func neverAccepts() throws {
        let path = "/tmp/health-test-\(UInt64.random(in: 0 ... .max)).sock"
        let listener = try bindUnix(path: path, mode: 0o600)
        defer { unlink(path) }
        try startListening(listener.number, backlog: 0, subject: path)
        // Fills the backlog: connects without being accepted.
        let waiting = try connectUnix(path: path)
        let result = HealthProbe.run(
            address: .unix(path: path), wireProtocol: .session, request: ProbeRequest(HealthSettings()),
            timeLimit: .milliseconds(150))
        #expect(failureKind(result) == .timedOut)
        #expect(result.duration < .seconds(30))
        _ = waiting.number
    }

    @Test(
        "a worker that answers badly is told apart by how",
        arguments: [
            (
                "HTTP/1.1 200 OK\r\nContent-Le", ProbeFailure.Kind.closed,
                "closed the connection before it answered: \"HTTP/1.1 200"
            ),
            ("", .closed, "closed the connection before it answered"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .closed, "in the middle of the body"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", .closed, "in the middle of the body"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", .malformed, "chunk size"),
            ("220 mail.example ESMTP\r\n", .malformed, "220 mail.example"),
            ("HTTP/1.1 200 OK\nA: b\n\n", .malformed, "LF"),
        ] as [(String, ProbeFailure.Kind, String)])
    func badAnswers(text: String, kind: ProbeFailure.Kind, words: String) throws {
        let result = try probe([.send(text), .close]).result
        #expect(failureKind(result) == kind)
        #expect(result.report.contains(words), "\(result.report)")
    }

    @Test("nobody there")
    func nobody() {
        for address in [ProbeAddress.unix(path: "/tmp/no-such-\(UInt64.random(in: 0 ... .max))"), .tcp(port: 1)] {
            let result = HealthProbe.run(
                address: address, wireProtocol: .http, request: ProbeRequest(HealthSettings()), timeLimit: .seconds(5))
            #expect(failureKind(result) == .connect)
            #expect(result.report.contains("\(address)"))
        }
    }

    @Test(
        "settings cannot smuggle a second request", arguments: ["/a\r\nX: y", "/a b", "no-slash", "/a\r\n\r\nGET /b"])
    func smuggling(path: String) {
        var settings = HealthSettings()
        settings.path = path
        let result = HealthProbe.run(
            address: .unix(path: "/nowhere"), wireProtocol: .http, request: ProbeRequest(settings),
            timeLimit: .seconds(1))
        #expect(failureKind(result) == .badRequest)
    }

    private func failureKind(_ result: ProbeResult) -> ProbeFailure.Kind? {
        if case .failure(let failure) = result.outcome { failure.kind } else { nil }
    }
}
