import Glibc
import Linux
import Model
import Pool
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("with the real loaders")
    struct LoaderTests {
        @Test(
            "two loops, one worker that serves one request at a time, and a probe: nobody waits for ever",
            arguments: [Language.ruby, .python])
        func oneWorkerForAll(_ language: Language) async throws {
            var options = TestGateway.Options()
            options.loops = 2
            options.boots = false
            options.settings = { $0.queue.maxRequestQueueSize = 0 }
            let server = try await TestGateway(options, Behaviours.echo)
            let worker = try await blocking { try LoaderProcess(language, directory: server.directory) }
            defer { worker.end() }
            server.fleet.useWorkers(at: worker.path)
            try await server.switchToNew()
            let (done, failures) = (Signal(), Counter())
            for number in 0..<8 {
                startThread(name: "client") {
                    do {
                        let client = try server.client()
                        for round in 0..<60 {
                            let answer =
                                try round % 10 == 9 ? client.post("/echo", pattern(300_000)) : client.get("/version")
                            if answer.status != 200 { failures.add() }
                        }
                    } catch {
                        print("client \(number): \(error)")
                        failures.add()
                    }
                    done.raise()
                }
            }
            // The probe has a connection of its own and keeps it open between its requests, as a second core would.
            startThread(name: "probe") {
                do {
                    let stream = SocketStream(try connectUnix(path: worker.path).release())
                    for _ in 0..<60 {
                        try stream.send(sessionRequest("/up"))
                        guard let head = try stream.read(through: "\r\n\r\n"), head.hasPrefix("HTTP/1.1 200") else {
                            throw TestFailure("the probe got no answer")
                        }
                        let length = Int(
                            head.lowercased().split(separator: "content-length: ")[1].prefix { $0.isNumber })
                        _ = try stream.read(length ?? 0)
                    }
                } catch {
                    print("probe: \(error)")
                    failures.add()
                }
                done.raise()
            }
            try await blocking { for _ in 0..<9 where !done.wait() { throw TestFailure("somebody waits for ever") } }
            #expect(failures.value == 0)
            try await server.stop()
        }
    }
}

/// A head of the session protocol: length, then NUL-terminated pairs.
func sessionRequest(_ path: String) -> [UInt8] {
    let pairs = [
        ("REQUEST_METHOD", "GET"), ("PATH_INFO", path), ("QUERY_STRING", ""), ("SCRIPT_NAME", ""),
        ("SERVER_NAME", "localhost"), ("SERVER_PORT", "80"), ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REMOTE_ADDR", "127.0.0.1"), ("REMOTE_PORT", "1"), ("REQUEST_URI", path), ("HTTP_HOST", "localhost"),
    ]
    let bytes = Array(pairs.map { "\($0.0)\0\($0.1)\0" }.joined().utf8)
    return withUnsafeBytes(of: UInt32(bytes.count).bigEndian) { Array($0) } + bytes
}

enum Language: String, Sendable, CaseIterable, CustomTestStringConvertible {
    case ruby, python
    var testDescription: String { rawValue }
}

/// A worker started by its real loader, without supervisor and `passenger-launch`.
final class LoaderProcess: Sendable {
    let path: String
    private let pid: Int32

    init(_ language: Language, directory: String) throws {
        path = "\(directory)/loader"
        // …/Tests/GatewayTests/LoaderTests.swift
        let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
        let app = "\(root)/Tests/apps/\(language.rawValue)"
        let (program, loader, startup, kind) =
            switch language {
            case .ruby: ("ruby", "ruby/rack_loader.rb", "config.ru", "rack")
            case .python: ("python3", "python/wsgi_loader.py", "passenger_wsgi.py", "wsgi")
            }
        let listener = try listenUnix(path: path, mode: 0o600, backlog: 64)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw TestFailure("no pipe") }
        let null = open("/dev/null", O_RDWR)
        defer { close(null) }
        let plan =
            #"{"version":1,"listener":3,"handshake":4,"directory":"\#(app)","startup_file":"\#(startup)","#
            + #""app_type":"\#(kind)","environment":"production","app":"test","generation":1,"worker":1,"#
            + #""release":null,"revision":null,"base_uri":"","stop_timeout":5}"#
        let shell = "cd '\(app)' && exec \(program) '\(root)/scripts/loaders/\(loader)'"
        let search = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        pid = try spawnProcess(
            path: "/bin/sh", arguments: ["sh", "-c", shell],
            environment: ["PATH=\(search)", "_PASSENGER_WORKER=\(plan)", "IN_PASSENGER=1", "LANG=C.UTF-8"],
            moves: [
                DescriptorMove(source: null, target: 0), DescriptorMove(source: 2, target: 1),
                DescriptorMove(source: 2, target: 2), DescriptorMove(source: listener.number, target: 3),
                DescriptorMove(source: ends[1], target: 4),
            ])
        close(ends[1])
        let text = String(decoding: try readAll(ends[0], limit: 1 << 18), as: UTF8.self)
        close(ends[0])
        guard text.contains(#""ready""#) else {
            end()
            throw TestFailure("the loader failed: \(text)")
        }
    }

    func end() {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }
}
