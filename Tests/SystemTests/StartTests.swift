import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    @Suite(.serialized) struct StartTests {
        @Test(.timeLimit(.minutes(3)), arguments: Language.allCases)
        func `an app in place is detected, served, shown and stopped`(_ language: Language) throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(language, as: "app"), in: place)
            try server.start()
            try server.waitUntilServing()
            #expect(try server.get("/").text == "hello from 1\n")
            let status = try server.command("status")
            #expect(status.status == 0 && status.output.contains("127.0.0.1:\(server.port)"), "\(status.everything)")
            let worker = try #require(try server.workers().first?.pid)
            let stop = try server.command("stop", "--timeout", "20s")
            #expect(stop.status == 0, "\(stop.everything)\n\(server.log)")
            let end = try #require(server.program).wait(within: .seconds(15))
            #expect(end.status == 0, "\(end.everything)")
            #expect(!isRunning(worker))
            #expect(try server.command("status").status == 3)
            #expect(server.instance() == nil, "the instance's directory is left behind")
        }

        @Test(
            .enabled(if: AppUser.isSwitched, "only root can switch users"), .timeLimit(.minutes(3)),
            arguments: Language.allCases)
        func `started by root, the core has no rights, and the app its owner's`(_ language: Language) throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(language, as: "app"), in: place)
            try server.start()
            try server.waitUntilServing()
            #expect(try userIDs(of: server.status().server.corePid) != [0])
            #expect(try userIDs(of: server.status().server.supervisorPid) == [0])
            let identity = try #require(
                try JSONSerialization.jsonObject(with: Data(try server.get("/uid").body)) as? [String: Any])
            #expect(identity["uid"] as? Int == Int(AppUser.uid))
            #expect(identity["gid"] as? Int == Int(AppUser.gid))
            #expect((identity["groups"] as? [Int])?.contains(0) == false)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), arguments: Language.allCases)
        func `a worker has the descriptors that it should, and none of the server's`(_ language: Language) throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(language, as: "app"), in: place)
            try server.start()
            try server.waitUntilServing()
            let answer = try server.get("/fds")
            let seen = try #require(try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: String])
            #expect(
                seen["0"] == "/dev/null" && seen["1"]?.hasPrefix("pipe:") == true
                    && (language.isForked ? seen["2"]?.hasPrefix("pipe:") : seen["3"]?.hasPrefix("socket:")) == true)
            // What an interpreter opens for itself is shared with nobody. The listener was the server's to give, and the
            // connection of this request has its other end there under another inode.
            let worker = try #require(try server.workers().first?.pid)
            let inherited = Set(seen.filter { ($0.value.contains("[")) && !$0.value.hasPrefix("anon") }.values)
            let status = try server.status().server
            for pid in [status.supervisorPid, status.corePid] {
                let shared = inherited.intersection(descriptors(of: pid))
                // Output pipes: the supervisor keeps them, so that a log outlives a core. The pipe that ends with it: it
                // has the other end.
                let outputs = Set([seen["1"], seen["2"], seen["6"]].compactMap { $0 })
                #expect(shared.subtracting(outputs).isEmpty, "worker \(worker) shares \(shared) with \(pid)")
            }
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `a deploy without a server waits, and start takes it on`() throws {
            let place = try Place()
            let repository = try TestRepository(.ruby, in: place)
            let server = TestServer(try place.makeAppDirectory("root"), in: place)
            let end = try server.run("deploy", "--root", server.directory, "--repo", repository.path)
            #expect(end.status == 0 && end.output.contains("passenger start"), "\(end.everything)")
            #expect(readLink("\(server.directory)/current") == nil)
            try server.start()
            try server.waitUntilServing(release: "1-")
            #expect(try server.version() == "1")
            try eventually("`current`") { readLink("\(server.directory)/current")?.hasPrefix("releases/1-") == true }
            try server.stop()
            // The next start knows what was live.
            try server.start()
            try server.waitUntilServing(release: "1-")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `as a daemon it returns when it serves, and keeps a pid file`() throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(.python, as: "app"), in: place)
            let log = "\(place.path)/server.log"
            let pidFile = "\(place.path)/server.pid"
            let start = try server.run(
                "start", server.directory, "--port", "0", "--daemonize", "--log-file", log, "--pid-file", pidFile)
            #expect(start.status == 0, "\(start.everything)\n\(text(of: log))")
            let record = try #require(server.instance())
            #expect(text(of: pidFile) == "\(record.pid)\n")
            // Ready means that it answers, now.
            let port = try #require(Int(record.listen[0].split(separator: ":").last ?? ""))
            #expect(try fetch("/", port: port).text == "hello from 1\n")
            let stop = try server.command("stop")
            #expect(stop.status == 0, "\(stop.everything)")
            #expect(!isRunning(record.pid))
            #expect(access(pidFile, F_OK) != 0, "the pid file is left behind")
        }

        @Test(.timeLimit(.minutes(3)))
        func `as a daemon it returns when a release that was left pending serves`() throws {
            let place = try Place()
            let repository = try TestRepository(.python, in: place)
            let server = TestServer(try place.makeAppDirectory("root"), in: place)
            let made = try server.run("deploy", "--root", server.directory, "--repo", repository.path)
            try #require(made.status == 0, "\(made.everything)")
            let log = "\(place.path)/server.log"
            let start = try server.run("start", server.directory, "--port", "0", "--daemonize", "--log-file", log)
            #expect(start.status == 0, "\(start.everything)\n\(text(of: log))")
            let record = try #require(server.instance())
            let port = try #require(Int(record.listen[0].split(separator: ":").last ?? ""))
            #expect(try fetch("/version", port: port).text == "1\n", "\(text(of: log))")
            #expect(try server.command("stop").status == 0)
        }

        @Test(.enabled(if: AppUser.isSwitched, "only root can switch users"), .timeLimit(.minutes(3)))
        func `a daemon of the app's owner makes the place of its pid file, or does without`() throws {
            let place = try Place()
            // Both are the server's own here: nobody else is to put anything there.
            for name in ["run", "state"] { _ = try place.makeAppDirectory(name) }
            for (app, isWritable) in [("app", true), ("sealed", false)] {
                let server = TestServer(try place.copyApp(.python, as: app), in: place)
                if !isWritable {
                    #expect(mkdir("\(server.directory)/tmp", 0o555) == 0)
                }
                let log = "\(place.path)/run/\(app).log"
                let arguments = ["start", server.directory, "--port", "0", "--daemonize", "--log-file", log]
                let start = try server.begin(arguments, behind: AppUser.command([])).wait()
                #expect(start.status == 0, "\(start.everything)\n\(text(of: log))")
                let record = try #require(server.instance())
                let pidFile = "\(server.directory)/tmp/pids/passenger.0.pid"
                #expect(text(of: pidFile) == (isWritable ? "\(record.pid)\n" : ""))
                #expect(start.errors.contains("no pid file is written") == !isWritable, "\(start.everything)")
                let stop = try server.command("stop")
                #expect(stop.status == 0, "\(stop.everything)")
                #expect(access(pidFile, F_OK) != 0, "the pid file is left behind")
            }
        }

        @Test(.timeLimit(.minutes(3)))
        func `a daemon that fails says why`() throws {
            let place = try Place()
            let taken = TestServer(try place.copyApp(.node, as: "first"), in: place)
            try taken.start()
            let second = TestServer(try place.copyApp(.node, as: "second"), in: place)
            let port = "\(taken.port)"
            for options in [[], ["--daemonize", "--log-file", "\(place.path)/second.log"]] {
                let end = try second.begin(
                    ["start", second.directory, "--port", port, "--address", "127.0.0.1"] + options
                ).wait(within: .seconds(60))
                #expect(end.status == 1, "\(end.everything)")
                #expect(end.errors.contains("127.0.0.1:\(port)"), "\(end.everything)")
                #expect(end.errors.contains("passenger (pid \(try #require(taken.program).pid)"), "\(end.everything)")
            }
            #expect(second.instance() == nil)
            #expect(access("\(place.path)/run/second", F_OK) != 0, "a failed start leaves a directory behind")
            // The first one is none the worse for it.
            #expect(try taken.get("/").status == 200)
            let again = try taken.run("start", taken.directory, "--port", "0")
            #expect(again.status == 4 && again.errors.contains("runs already"), "\(again.everything)")
            #expect(try taken.command("status").status == 0)
            try taken.stop()
        }

        @Test(.timeLimit(.minutes(6)), arguments: [false, true])
        func `of several starts at one moment one serves, and the others say why not`(asDaemon: Bool) throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(.python, as: "app"), in: place)
            let arguments = ["start", server.directory, "--port", "0", "--address", "127.0.0.1"]
            let log = "\(place.path)/daemon.log"
            for _ in 0..<3 {
                let starts = try (0..<5).map { _ in
                    try server.begin(arguments + (asDaemon ? ["--daemonize", "--log-file", log] : []))
                }
                func output() -> String { starts.map(\.log).joined() + text(of: log) }
                try eventually("the end of four", evidence: output) { starts.count(where: \.hasEnded) >= 4 }
                try eventually("the one that serves", evidence: output) {
                    try server.instance() != nil && server.status().apps.first?.generations.first?.state == .live
                }
                if asDaemon { try eventually("the end of the fifth") { starts.allSatisfy(\.hasEnded) } }
                let ends = try starts.filter(\.hasEnded).map { try $0.wait() }
                #expect(ends.count { $0.status == 4 } == 4, "\(ends.map(\.everything))")
                for end in ends where end.status != 0 {
                    #expect(end.errors.contains("already"), "\(end.everything)")
                }
                // It has all of what it needs to start another worker.
                #expect(try server.command("restart").status == 0, "\(output())")
                #expect(try server.command("stop").status == 0, "\(output())")
                for start in starts where !start.hasEnded { #expect(try start.wait().status == 0) }
                #expect(access("\(place.path)/run/app", F_OK) != 0)
            }
        }

        private func userIDs(of pid: Int32) throws -> Set<Int> {
            let line = text(of: "/proc/\(pid)/status").split(separator: "\n").first { $0.hasPrefix("Uid:") }
            return Set(try #require(line).split(whereSeparator: \.isWhitespace).dropFirst().compactMap { Int($0) })
        }

        private func descriptors(of pid: Int32) -> Set<String> {
            guard let directory = try? openFile("/proc/\(pid)/fd", flags: O_RDONLY | O_DIRECTORY),
                let names = try? directoryEntries(directory.number)
            else { return [] }
            return Set(names.compactMap { readLink("/proc/\(pid)/fd/\($0)") })
        }
    }
}
