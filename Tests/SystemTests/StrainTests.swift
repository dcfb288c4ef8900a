import AdminAPI
import Foundation
import Glibc
import Testing

extension SystemTests {
    /// Clients and apps that mean harm, or behave as if: each meets a limit, a line in the log, and others notice nothing.
    /// Short forms; PASSENGER_LONG_TESTS=1 makes them long.
    @Suite(.serialized) struct StrainTests {
        private static let isLong = ProcessInfo.processInfo.environment["PASSENGER_LONG_TESTS"] == "1"
        /// How long another client may wait meanwhile, in milliseconds: the machine is shared with the attack. Less
        /// than what the server gives a slow client.
        private static let patience = 5000.0

        private func serve(_ app: String, _ options: [String] = [], in place: Place) throws -> TestServer {
            let server = TestServer(try place.copyApp(at: app, as: "app"), in: place)
            try server.start(options)
            try server.waitUntilServing()
            return server
        }

        private func expectLog(_ line: String, _ server: TestServer) throws {
            try eventually("the log line '\(line)'", within: .seconds(15), evidence: { server.log }) {
                server.log.contains(line)
            }
        }

        // MARK: Clients

        @Test(.timeLimit(.minutes(9)), arguments: [("heads", "header_timeout"), ("bodies", "body_timeout")])
        func `clients that send slowly or not at all are let go, and others notice nothing`(
            _ what: String, _ limit: String
        ) throws {
            let place = try Place()
            let server = try serve("trouble", ["--header-timeout", "6s", "--body-timeout", "6s"], in: place)
            let count = Self.isLong ? 5000 : 300
            let strain = try Clients.strain(what, server, count)
            #expect(strain.ended == count)
            #expect(strain.said == .counts(["HTTP/1.1 408": count]))
            #expect((strain.first ?? 0) >= 1 && (strain.last ?? 99) < 30, "\(strain)")
            #expect((strain.slowestOther ?? 99_999) < Self.patience, "\(strain)")
            try expectLog("was too slow (\(limit))", server)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(9)))
        func `clients that take nothing of their answers are let go, and others notice nothing`() throws {
            let place = try Place()
            let app = try place.copyApp(.node, as: "app")
            try FileManager.default.createDirectory(atPath: "\(app)/public", withIntermediateDirectories: true)
            try "a file".write(toFile: "\(app)/public/file.txt", atomically: false, encoding: .utf8)
            AppUser.own(app)
            let server = TestServer(app, in: place)
            try server.start(["--body-timeout", "6s"])
            try server.waitUntilServing()
            let count = Self.isLong ? 200 : 20
            let strain = try Clients.strain("readers", server, count)
            #expect(strain.ended == count)
            #expect((strain.slowestFile ?? 99_999) < Self.patience, "\(strain)")
            // Many answers of 8 MB keep the app's one worker busy by themselves, whoever reads them.
            if !Self.isLong { #expect((strain.slowestOther ?? 99_999) < Self.patience, "\(strain)") }
            try expectLog("was too slow (body_timeout, taking an answer)", server)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `slowhttptest finds the service available`() throws {
            let place = try Place()
            let server = try serve("node", ["--header-timeout", "2s", "--body-timeout", "2s"], in: place)
            for attack in ["-H", "-B"] {
                let arguments = ["-c", "200", "-r", "200", "-i", "1", "-x", "24", "-p", "8", "-l", "6"]
                let url = "http://127.0.0.1:\(server.port)/"
                let output = try Clients.run(["slowhttptest", attack] + arguments + ["-u", url], in: place).output
                #expect(output.contains("YES") && !output.contains("service available:   NO"), "\(output)")
            }
            // Slow reading: of an answer that no buffer of the kernel holds, a few bytes now and then.
            let reading = [
                "-c", "100", "-r", "100", "-w", "64", "-y", "128", "-n", "1", "-z", "16", "-k", "1", "-p", "8",
            ]
            let url = "http://127.0.0.1:\(server.port)/big?bytes=4000000"
            let output = try Clients.run(["slowhttptest", "-X", "-l", "8"] + reading + ["-u", url], in: place).output
            #expect(output.contains("YES") && !output.contains("service available:   NO"), "\(output)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(9)))
        func `thousands of connections that are opened and dropped leave nothing behind`() throws {
            let place = try Place()
            let server = try serve("trouble", in: place)
            let core = try server.status().server.corePid
            _ = try Clients.strain("drops", server, 1000)
            let before = Clients.memory(of: core)
            let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(core)/fd").count
            let count = Self.isLong ? 100_000 : 5000
            let strain = try Clients.strain("drops", server, count)
            #expect(strain.connections == count && (strain.slowestOther ?? 99_999) < Self.patience, "\(strain)")
            print("memory of the core: \(before) KiB before, \(Clients.memory(of: core)) KiB after")
            #expect(Clients.memory(of: core) < before + 16 * 1024)
            try eventually("the end of their descriptors") {
                try FileManager.default.contentsOfDirectory(atPath: "/proc/\(core)/fd").count <= descriptors + 8
            }
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `when descriptors run out, those that are connected are served, and accepting goes on later`() throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(at: "trouble", as: "app"), in: place)
            try server.start(descriptors: 128)
            try server.waitUntilServing()
            let early = try HTTPConnection(port: server.port, timeout: 60)
            #expect(try early.get("/").text == "fine\n")
            var crowd: [HTTPConnection] = []
            for _ in 0..<200 { crowd.append(try HTTPConnection(port: server.port, timeout: 60)) }
            try expectLog("no connections are accepted for a moment", server)
            #expect(try early.get("/").text == "fine\n")
            crowd = []
            #expect(try server.get("/").text == "fine\n")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `that descriptors run out is not held against the worker`() throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(at: "trouble", as: "app"), in: place)
            try server.start()
            try server.waitUntilServing()
            let early = try HTTPConnection(port: server.port, timeout: 60)
            // After this answer no connection to the worker is kept: the next request needs a descriptor.
            #expect(try early.get("/more").text == "fine\n")
            // Clients cannot have them all; the core's limit is taken away from under it, by its own user, who may. Those below are open.
            let core = try server.status().server.corePid
            var status = stat()
            #expect(stat("/proc/\(core)", &status) == 0)
            let user = ["setpriv", "--reuid=\(status.st_uid)", "--regid=\(status.st_gid)", "--clear-groups"]
            let limit = (geteuid() == 0 ? user : []) + ["prlimit", "--pid", "\(core)"]
            try Clients.run(limit + ["--nofile=4:"], in: place)
            try early.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            try expectLog("unreachable: ", server)
            try Clients.run(limit + ["--nofile=1024:"], in: place)
            #expect(try early.readAnswer().text == "fine\n")
            #expect(!server.log.contains("could not be reached"), "\(server.log)")
            try server.stop()
        }

        @Test(.enabled(if: geteuid() == 0, "only root can mount"), .timeLimit(.minutes(9)))
        func `an upload that the disk has no room for is refused, and others are served`() throws {
            let place = try Place()
            let disk = "\(place.path)/disk"
            #expect(mkdir(disk, 0o755) == 0)
            try Clients.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=1777", "tmpfs", disk], in: place)
            defer { umount2(disk, Int32(MNT_DETACH)) }
            let server = try serve("trouble", ["--data-buffer-dir", disk, "--max-request-body", "4GB"], in: place)
            for size in Self.isLong ? [32 << 20, 2 << 30] : [32 << 20] {
                let strain = try Clients.strain("upload", server, size)
                #expect(strain.said == .one("HTTP/1.1 507"), "\(strain)")
            }
            try expectLog("data_buffer_dir is full", server)
            // The room is there again.
            #expect(try Clients.strain("upload", server, 2 << 20).said == .one("HTTP/1.1 200"))
            try server.stop()
        }

        // MARK: Apps

        struct Answer: Sendable, CustomTestStringConvertible {
            var path: String
            /// Nil: the answer breaks off.
            var status: Int?
            var log: String
            var testDescription: String { path }
        }

        @Test(
            .timeLimit(.minutes(3)),
            arguments: [
                Answer(path: "/garbage", status: 502, log: "answered nonsense: the status line is malformed"),
                Answer(path: "/more", status: 200, log: "sent more than its answer"),
                Answer(path: "/fewer", status: nil, log: "closed in the middle of its answer"),
                Answer(path: "/none", status: 502, log: "closed before its answer"),
                Answer(path: "/both", status: 502, log: "Content-Length and Transfer-Encoding together"),
                Answer(path: "/badchunks", status: 502, log: "its chunked body is malformed"),
                Answer(path: "/hugehead", status: 502, log: "the head is too large"),
            ])
        func `an app that breaks HTTP harms its own answer only`(_ answer: Answer) throws {
            let place = try Place()
            let server = try serve("trouble", in: place)
            if let status = answer.status {
                let got = try server.get(answer.path)
                #expect(got.status == status)
                if status == 200 { #expect(got.text == "fine\n") }
            } else {
                #expect(throws: HTTPFailure.self) { try server.get(answer.path) }
            }
            try expectLog(answer.log, server)
            #expect(try server.get("/").text == "fine\n")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), arguments: ["/endless", "/silent"])
        func `the worker hears of a client that left in front of the end of its answer`(_ path: String) throws {
            let place = try Place()
            let server = try serve("trouble", in: place)
            let core = try server.status().server.corePid
            do {
                let client = try HTTPConnection(port: server.port)
                try client.send("GET \(path) HTTP/1.1\r\nHost: test\r\n\r\n")
                if path == "/endless" { for _ in 0..<100 { _ = try client.receive() } }
            }
            try eventually("the cancelled request", evidence: { server.log }) {
                try server.get("/cancelled").text == "1\n"
            }
            print("\(path): core \(Clients.memory(of: core)) KiB")
            try server.stop()
        }
    }
}
