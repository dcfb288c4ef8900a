import AdminAPI
import AdminClient
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// The admin API held against its description (templates/openapi.yaml), by its friends and by those who have no business there.
    @Suite(.serialized) struct AdminAPITests {
        private static let ops = String(repeating: "0a", count: 32)
        private static let look = String(repeating: "1b", count: 32)

        /// How often each operation was answered with which status.
        private typealias Counts = [String: [String: Int]]

        /// One of an app in place, `app`, and a deploy root with a release, `site`; small, so that there are few processes.
        private func serve(in place: Place, owner: String? = nil) throws -> TestServer {
            let app = try place.copyApp(.python, as: "app")
            // So that its log has lines.
            let code = "\(app)/\(Language.python.startupFile)"
            try (text(of: code) + "\nprint('loaded', flush=True)\n").write(
                toFile: code, atomically: false, encoding: .utf8)
            if let owner { try OtherUsers.own(app, by: owner) }
            let repository = try TestRepository(.python, in: place)
            try repository.write(
                "Passengerfile.yml", "\(TestRepository.settings)\ndeploy:\n  bake: 0s\n")
            try repository.commit()
            let root = try place.makeAppDirectory("site")
            let tokens = "\(place.path)/tokens"
            try "ops all \(Self.ops)\nlook view \(Self.look)\n".write(
                toFile: tokens, atomically: false, encoding: .utf8)
            chmod(tokens, 0o600)
            let server = try TestServer(
                serverFile: """
                    admin_port: 0
                    admin_tokens: \(tokens)
                    max_pool_size: 4
                    apps:
                      app: {root: \(app), server_names: [app.test], prestart: true}
                      site: {root: \(root), server_names: [site.test], prestart: true}
                    """, in: place)
            let deploy = try server.run("deploy", "--root", root, "--repo", repository.path)
            try #require(deploy.status == 0, "\(deploy.everything)")
            try server.start()
            try eventually("both apps", within: .seconds(90), evidence: { server.log }) {
                try server.status().apps.allSatisfy { app in
                    app.operation == nil && app.generations.contains { $0.state == .live }
                }
            }
            // The deploy's last word is still being written when it is told.
            let journal = "\(place.path)/state/site/deploys"
            var last = try record(server)
            try eventually("the end of its journal", within: .seconds(90), evidence: { server.log }) {
                let now = try record(server)
                defer { last = now }
                return try now == last && text(of: "\(journal)/1.json").contains("\"stable\"")
                    && FileManager.default.contentsOfDirectory(atPath: journal) == ["1.json"]
            }
            return server
        }

        private func ask(
            _ server: TestServer, at url: String, as role: String, examples: Int, token: String? = nil
        ) throws -> Counts {
            let description = "\(SourceTree.path)/templates/openapi.yaml"
            let command =
                [try Clients.python(in: server.place), "\(Clients.directory)/api.py", description, url, role]
                + ["\(examples)"] + (token.map { [$0] } ?? [])
            let end = try Clients.run(command, in: server.place, within: .seconds(300))
            let counts = try JSONDecoder().decode(
                Counts.self, from: Data((end.output.split(separator: "\n").last ?? "").utf8))
            print("\(role): \(counts.values.flatMap(\.values).reduce(0, +)) requests")
            return counts
        }

        private func address(_ server: TestServer) throws -> String {
            try #require(try server.status().server.adminAddress)
        }

        @Test(.timeLimit(.minutes(12)))
        func `nothing that is asked fails the server, and every answer is one that is described`() throws {
            let place = try Place()
            let server = try serve(in: place)
            let before = try record(server)
            let seen = try ask(server, at: address(server), as: "view", examples: 3, token: Self.look)
            #expect(seen["GET /status"]?["200"] != nil && seen["POST /stop"]?.keys.sorted() == ["403"], "\(seen)")
            let strangers = try ask(server, at: address(server), as: "none", examples: 1)
            #expect(strangers["GET /status"]?.keys.sorted() == ["401"], "\(strangers)")
            let after = try record(server)
            #expect(after == before, "\(after.difference(from: before))")
            // What only a deploy root has is not for an app in place, however it is asked for.
            let client = AdminClient(socketPath: try #require(server.instance()).adminSocket)
            for order in ["deploys", "deploys/plan", "rollback", "unlock"] {
                #expect(try client.raw("POST", "/apps/app/\(order)", body: []) { _ in } == 409, "\(order)")
            }
            let done = try ask(server, at: address(server), as: "all", examples: 5, token: Self.ops)
            // Whatever else was asked, each of these was done as well.
            // Operations that one may have to wait for are the client's, at its end.
            let orders = ["deploys/plan", "lock", "unlock", "scale", "pause", "resume"]
            for order in orders {
                let answers = try #require(done["POST /apps/{app}/\(order)"], "\(order)")
                #expect(answers.keys.contains { $0.hasPrefix("2") }, "\(order): \(answers)")
            }
            // The last thing that was asked for.
            let end = try #require(server.program).wait(within: .seconds(120), "the end that POST /stop asked for")
            #expect(end.status == 0, "\(end.everything)")
            // Restarts that were asked for while one was waiting are that one, and it is told once.
            let restarts = server.log.split(separator: "\n").filter { $0.hasSuffix("the app was restarted") }
                .map { $0.drop { $0 != " " } }
            #expect(!restarts.isEmpty && Set(restarts).count == restarts.count, "\(restarts)")
            for sign in ["admin request failed", "Fatal error", "core 1 ended", "was lost"] {
                #expect(!server.log.contains(sign), "\(server.log.split(separator: "\n").filter { $0.contains(sign) })")
            }
        }

        // MARK: Other users

        /// What an order would have changed.
        private struct Record: Equatable {
            var apps: [String: [String]]
            /// Of the deploy root, without what its app writes, and of the server's state directory.
            var files: [String: Data]

            /// In words.
            func difference(from other: Record) -> String {
                let apps = apps.filter { other.apps[$0.key] != $0.value }.map {
                    "\($0.key): \($0.value), was \(other.apps[$0.key] ?? [])"
                }
                let files = Set(files.keys).union(other.files.keys).filter { self.files[$0] != other.files[$0] }
                    .sorted()
                return (apps + files).joined(separator: "; ")
            }
        }

        private func record(_ server: TestServer, only name: String? = nil) throws -> Record {
            var record = Record(apps: [:], files: [:])
            for app in try server.status().apps where name == nil || app.name.rawValue == name {
                let generations = app.generations.map { generation in
                    // Idle workers give their places to an app that needs them, and its owner may say that it does.
                    let pids = name == nil ? generation.workers.compactMap(\.pid).sorted() : []
                    return "\(generation.number) \(generation.state) \(pids)"
                }
                record.apps[app.name.rawValue] =
                    generations + [
                        app.liveRelease ?? "-", app.lock?.message ?? "-", "\(app.scale ?? 0)",
                        "\(app.pausedSince.map(\.description) ?? "-")", "\(app.operation?.operation.rawValue ?? "-")",
                    ]
            }
            let place = server.place.path
            for directory in ["\(place)/site"] + (name == nil ? ["\(place)/state", "\(place)/app"] : []) {
                for file in FileManager.default.enumerator(atPath: directory)?.compactMap({ $0 as? String }) ?? []
                where !file.contains("__pycache__") {
                    record.files["\(directory)/\(file)"] =
                        (try? readFile("\(directory)/\(file)")).map { Data($0) } ?? Data()
                }
            }
            return record
        }

        private func descriptors(_ pid: Int32) throws -> Int {
            let directory = try openFile("/proc/\(pid)/fd", flags: O_RDONLY | O_DIRECTORY)
            return try directoryEntries(directory.number).count
        }

        /// The server's Unix socket, as this user has it.
        private func relay(_ server: TestServer, as user: String) throws -> (program: Program, url: String) {
            let script = "\(server.place.path)/relay.py"
            try FileManager.default.copyItem(atPath: "\(Clients.directory)/relay.py", toPath: script)
            chmod(script, 0o644)
            let socket = try #require(server.instance()).adminSocket
            let program = try server.begin(["-B", script, socket], as: user, program: "/usr/bin/python3")
            var port = ""
            try eventually("the relay's port", evidence: { program.log }) {
                port = program.log.trimmed
                return !port.isEmpty
            }
            return (program, "http://127.0.0.1:\(port)")
        }

        @Test(.timeLimit(.minutes(9)), .enabled(if: OtherUsers.areThere, OtherUsers.needed))
        func `whatever another user asks, he changes nothing, learns nothing, and fills nothing`() throws {
            let place = try Place()
            let server = try serve(in: place)
            let core = try server.status().server.corePid
            let relay = try relay(server, as: OtherUsers.stranger)
            // What is made once and kept is there before anything is counted.
            for _ in 0..<20 { _ = try Clients.curl("\(relay.url)/status", in: place) }
            let before = try record(server)
            let (log, memory, open) = (server.log.utf8.count, Clients.memory(of: core), try descriptors(core))
            let counts = try ask(server, at: relay.url, as: "none", examples: 10)
            let isPublic = { (operation: String) in operation.hasSuffix(" /livez") || operation.hasSuffix(" /readyz") }
            let others = counts.filter { !isPublic($0.key) }
            #expect(others.count > 200 && Set(others.values.flatMap(\.keys)) == ["403"], "\(others)")
            let open200 = counts.filter { $0.value["200"] != nil }.keys.sorted()
            #expect(open200 == ["GET /livez", "GET /readyz"])
            #expect(try record(server) == before)
            #expect(server.log.utf8.count - log < 4096, "\(server.log)")
            #expect(Clients.memory(of: core) - memory < 32 << 10, "KiB before: \(memory)")
            try eventually("the end of all connections") { try descriptors(core) <= open + 4 }
            #expect(relay.program.hasEnded == false)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(9)), .enabled(if: OtherUsers.areThere, OtherUsers.needed))
        func `an app's owner orders his own app about, and sees and changes no other`() throws {
            let place = try Place()
            let server = try serve(in: place, owner: OtherUsers.app)
            let before = try record(server, only: "site")
            let relay = try relay(server, as: OtherUsers.app)
            let counts = try ask(server, at: relay.url, as: "app", examples: 5)
            #expect(counts["POST /apps/{app}/restart"]?["202"] != nil, "\(counts)")
            #expect(counts["POST /stop"]?.keys.sorted() == ["403"], "\(counts)")
            let after = try record(server, only: "site")
            #expect(after.apps == before.apps)
            let changed = Set(after.files.keys).union(before.files.keys).filter { after.files[$0] != before.files[$0] }
            #expect(changed.isEmpty)
            #expect(try server.get("/version", host: "site.test").line == "1", "\(server.log)")
            #expect(relay.program.hasEnded == false)
            try server.stop()
        }
    }
}
