import AdminAPI
import Foundation
import Glibc
import Linux
import Testing

extension SystemTests {
    /// Phusion Passenger's tools, which are this program under other names.
    @Suite(.serialized) struct PassengerToolsTests {
        /// The program under another name, as it is installed.
        private func tool(_ name: String, in place: Place) throws -> String {
            let path = "\(place.path)/bin/\(name)"
            if access("\(place.path)/bin", F_OK) != 0 { mkdir("\(place.path)/bin", 0o755) }
            if access(path, F_OK) != 0 { symlink(TestServer.binary, path) }
            return path
        }

        private func run(
            _ server: TestServer, _ name: String, _ arguments: [String], behind wrapper: [String] = []
        ) throws -> Program.End {
            let variables = wrapper.isEmpty ? [:] : PseudoTerminal.variables
            return try Program(
                wrapper + [try tool(name, in: server.place)] + arguments,
                environment: server.environment.merging(variables) { $1 }, in: server.place
            ).wait(within: .seconds(180), name)
        }

        @Test(.timeLimit(.minutes(3)))
        func `the version is one that deploy tools understand`() throws {
            let place = try Place()
            let server = TestServer(place.path, in: place)
            for arguments in [["-v"], ["--version"]] {
                let end = try server.begin(arguments).wait()
                let first = String(end.output.prefix { $0 != "\n" })
                let match = try #require(
                    first.wholeMatch(of: /Phusion Passenger(?:\(R\))? (?:Enterprise )?(?:version )?([0-9.]+)/),
                    "\(end.everything)")
                #expect(
                    match.1.split(separator: ".").compactMap { Int($0) }.lexicographicallyPrecedes([6, 0]) == false)
                #expect(end.status == 0 && end.output.hasSuffix("\npassenger 0.1.0\n"), "\(end.everything)")
            }
            let about = try run(server, "passenger-config", ["about", "version"])
            #expect(about.output.hasPrefix("6.") && about.status == 0, "\(about.everything)")
        }

        @Test(.timeLimit(.minutes(3)))
        func `passenger-status, memory-stats and config look at a server as Passenger's own do`() throws {
            let place = try Place()
            let server = try TestServer.serving("ruby", ["--min-instances", "2"], in: place)
            try server.waitUntilServing(workers: 2)
            for _ in 0..<3 { _ = try server.version() }
            let pids = try server.workers().compactMap(\.pid)

            for wrapper in [[], PseudoTerminal.wrapper] {
                let status = try run(server, "passenger-status", [], behind: wrapper)
                let lines = PseudoTerminal.lines(status.output)
                #expect(status.status == 0 && lines[0].hasPrefix("Version : 6."), "\(status.everything)")
                #expect(lines.allSatisfy { $0.count <= 80 }, "\(status.everything)")
                #expect(lines.contains("Max pool size : 6") && lines.contains("Processes     : 2"), "\(lines)")
                #expect(lines.contains("  Requests in queue: 0"), "\(lines)")
                let shown = lines.compactMap { line in
                    line.wholeMatch(
                        of: /\x20{2}\* PID: (\d+) +Sessions: (\d+) +Processed: (\d+) +Uptime: (?:\d+[dhm] )*\d+s/)
                }
                #expect(Set(shown.compactMap { Int32($0.1) }) == Set(pids), "\(lines)")
                #expect(shown.compactMap { Int($0.3) }.reduce(0, +) == 3, "\(lines)")
                #expect(
                    lines.count {
                        $0.wholeMatch(of: /\x20{4}CPU: \d+% +Memory {2}: \d+M +Last used: .*s ago/) != nil
                    } == 2, "\(lines)")
            }

            let json = try run(server, "passenger-status", ["--show=json"])
            let document = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
            let info = try #require(document?["info"] as? [String: Any], "\(json.everything)")
            #expect(info["process_count"] as? Int == 2 && info["max"] as? Int == 6)
            let groups = try #require(info["supergroups"] as? [[String: [String: Any]]])
            let group = try #require(groups[0]["supergroup"]?["group"] as? [String: Any])
            let processes = try #require(group["processes"] as? [[String: [String: Any]]])
            #expect(Set(processes.compactMap { $0["process"]?["pid"] as? Int }) == Set(pids.map(Int.init)))
            #expect(group["app_root"] as? String == server.directory)

            let xml = try run(server, "passenger-status", ["--show=xml"])

            let end = try Program(
                [
                    "python3", "-c",
                    """
                    import sys, xml.etree.ElementTree as tree
                    info = tree.fromstring(open(sys.argv[1], 'rb').read())
                    group = info.find("supergroups/supergroup/group[@default='true']")
                    print(info.tag, info.findtext('process_count'), group.findtext('life_status'),
                          *sorted(p.findtext('pid') for p in group.iter('process')))
                    """, try write(xml.output, "status.xml", place),
                ], environment: server.environment, in: place
            ).wait()
            let expected = pids.map { "\($0)" }.sorted().joined(separator: " ")
            #expect(end.output == "info 2 ALIVE \(expected)\n", "\(end.everything) \(xml.everything)")

            let memory = try run(server, "passenger-memory-stats", [])
            let rows = memory.output.split(separator: "\n").filter { $0.contains(/MB +Passenger\x20/) }
            #expect(
                rows.contains { $0.contains("Passenger watchdog") } && rows.contains { $0.contains("Passenger core") })
            #expect(
                rows.count { $0.contains("Passenger RubyApp: \(server.directory) (production)") } >= 2,
                "\(memory.everything)")
            #expect(memory.output.contains(/### Total private dirty RSS: [1-9]\d*\.\d\d MB/), "\(memory.everything)")

            let list = try run(server, "passenger-config", ["list-instances", "--json"])
            let instances = try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [[String: Any]]
            #expect(instances?.count == 1 && instances?[0]["name"] as? String == "app", "\(list.everything)")
            #expect(try run(server, "passenger-config", ["list-instances"]).output.contains("app  "))

            let call = try run(server, "passenger-config", ["api-call", "GET", "/pool.json"])
            #expect(call.output.hasPrefix("{\"info\":"), "\(call.everything)")
            #expect(try run(server, "passenger-config", ["api-call", "GET", "/ping.json"]).output.contains("ok"))
            let install = try run(server, "passenger-config", ["validate-install", "--auto"])
            #expect(install.status == 0 && install.output.contains("Everything looks good"), "\(install.everything)")
            let metrics = try run(server, "passenger-config", ["system-metrics"])
            #expect(metrics.output.contains("RAM total") && metrics.status == 0, "\(metrics.everything)")
            let nothing = try run(server, "passenger-config", ["no-such-thing"])
            #expect(nothing.status != 0)
            try server.stop()
        }

        private func write(_ text: String, _ name: String, _ place: Place) throws -> String {
            let path = "\(place.path)/\(name)"
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            return path
        }

        @Test(.timeLimit(.minutes(6)))
        func `restart-app finds apps by path and name, waits for the outcome, and can do without`() throws {
            let place = try Place()
            let nobody = TestServer(place.path, in: place)
            let without = try run(nobody, "passenger-config", ["restart-app", "/srv"])
            #expect(without.status == 3, "\(without.everything)")
            let ignored = try run(
                nobody, "passenger-config", ["restart-app", "/srv", "--ignore-passenger-not-running"])
            #expect(ignored.status == 0, "\(ignored.everything)")

            let server = try TestServer.serving("node", in: place)
            var before = try server.workers().compactMap(\.pid)
            let ways = [
                [server.directory], [String(server.directory.dropLast())], ["\(server.directory)/public"],
                ["--name", "app"], ["--name", "\(server.directory) (production)", "--rolling-restart"],
            ]
            for way in ways {
                let end = try run(server, "passenger-config", ["restart-app"] + way)
                #expect(
                    end.status == 0 && end.output.hasPrefix("Restarting \(server.directory)\n"), "\(end.everything)")
                let after = try server.workers().compactMap(\.pid)
                #expect(Set(after).isDisjoint(with: before), "\(way): \(before) \(after)")
                before = after
            }
            let other = try run(server, "passenger-config", ["restart-app", "/nowhere"])
            #expect(other.status == 2 && other.errors.contains("No app is running"), "\(other.everything)")
            let none = try run(server, "passenger-config", ["restart-app", "/nowhere", "--ignore-app-not-running"])
            #expect(none.status == 0, "\(none.everything)")
            let unsaid = try run(server, "passenger-config", ["restart-app"])
            #expect(unsaid.status == 2 && unsaid.errors.contains("there is no terminal"), "\(unsaid.everything)")
            let both = try run(server, "passenger-config", ["restart-app", "/srv", "--name", "app"])
            #expect(both.status == 2 && both.errors.contains("not both"), "\(both.everything)")

            try Language.node.syntaxError.write(
                toFile: "\(server.directory)/app.js", atomically: false, encoding: .utf8)
            let broken = try run(server, "passenger-config", ["restart-app", server.directory])
            #expect(broken.status == 1, "\(broken.everything)")
            #expect(try server.workers().compactMap(\.pid) == before)
            #expect(try server.version() == "1")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `restart-app without a path asks on a terminal which app it is to be`() throws {
            let place = try Place()
            for name in ["blog", "shop"] { _ = try place.copyApp(.python, as: name) }
            let server = try TestServer(
                serverFile: """
                    apps:
                      blog: {root: \(place.path)/blog, server_names: [blog.test], prestart: true, min_instances: 1}
                      shop: {root: \(place.path)/shop, server_names: [shop.test], prestart: true, min_instances: 1}
                    """, in: place)
            try server.start()
            func pid(_ name: String) throws -> Int32? {
                let live = try server.appStatus(name).generations.first { $0.state == .live }
                return live?.workers.first { $0.state == "available" }?.pid
            }
            try eventually("both apps", within: .seconds(90), evidence: { server.log }) {
                try pid("blog") != nil && pid("shop") != nil
            }
            let (blog, shop) = (try pid("blog"), try pid("shop"))
            let command = [try tool("passenger-config", in: place), "restart-app"]

            let left = try TerminalProgram(command, environment: server.environment)
            let mode = left.mode
            try left.wait(for: "the menu") { $0.isAlternate && $0.text.contains("   Cancel") }
            #expect(
                left.screen.lines.filter { !$0.isEmpty }.map { $0.trimmed }
                    == [
                        "Please select the application to restart.",
                        "Arrow keys and Enter. Without this menu: passenger-config restart-app --help",
                        "‣ \(place.path)/blog (production)", "\(place.path)/shop (production)", "Cancel",
                    ])
            left.type("q")
            #expect(try left.waitForEnd() == 1)
            #expect(!left.screen.isAlternate && left.screen.hasCursor && left.mode == mode)
            #expect(left.screen.text.contains("Nothing was restarted.") && !left.screen.overflows)

            let chosen = try TerminalProgram(command, environment: server.environment)
            try chosen.wait(for: "the menu") { $0.text.contains("‣ \(place.path)/blog") }
            chosen.type("\u{1B}[B")
            try chosen.wait(for: "the second app") { $0.text.contains("‣ \(place.path)/shop") }
            chosen.type("\r")
            #expect(try chosen.waitForEnd(within: .seconds(90)) == 0, "\(chosen.screen.text)")
            #expect(chosen.screen.text.contains("Restarting \(place.path)/shop"), "\(chosen.screen.text)")
            try eventually("another worker of shop") { try pid("shop").map { $0 != shop } ?? false }
            #expect(try pid("blog") == blog)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `detach-process and reopen-logs reach the server`() throws {
            let place = try Place()
            let server = try TestServer.serving("ruby", ["--min-instances", "2"], in: place)
            try server.waitUntilServing(workers: 2)
            let victim = try #require(try server.workers().first?.pid)
            let end = try run(server, "passenger-config", ["detach-process", "\(victim)"])
            #expect(end.status == 0, "\(end.everything)")
            try eventually("its end", evidence: { server.log }) { !isRunning(victim) }
            #expect(try run(server, "passenger-config", ["detach-process", "\(victim)"]).status == 1)
            let reopened = try run(server, "passenger-config", ["reopen-logs"])
            #expect(reopened.status == 0, "\(reopened.everything)")
            let own = try server.command("reopen-logs", "--json")
            #expect(own.output == "{\"reopening\":\"app\"}\n", "\(own.everything)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), .enabled(if: OtherUsers.areThere, OtherUsers.needed))
        func `an app's owner uses them on that app, and on no other`() throws {
            let place = try Place()
            for (name, owner) in [("mine", OtherUsers.app), ("theirs", OtherUsers.stranger)] {
                let directory = try place.copyApp(.python, as: name)
                try OtherUsers.own(directory, by: owner)
            }
            let server = try TestServer(
                serverFile: """
                    apps:
                      mine: {root: \(place.path)/mine, user: \(OtherUsers.app), server_names: [mine.test], prestart: true, min_instances: 1}
                      theirs: {root: \(place.path)/theirs, user: \(OtherUsers.stranger), server_names: [theirs.test], prestart: true, min_instances: 1}
                    """, in: place)
            try server.start()
            try eventually("both apps", within: .seconds(90), evidence: { server.log }) {
                try server.status().apps.allSatisfy { app in
                    app.generations.contains { $0.workers.contains { $0.state == "available" } }
                }
            }
            func pid(_ name: String) throws -> Int32? {
                try server.appStatus(name).generations.last?.workers.first?.pid
            }
            func asOwner(_ name: String, _ arguments: String...) throws -> Program.End {
                let command = try OtherUsers.command(
                    as: OtherUsers.app, [try tool(name, in: place)] + arguments)
                return try Program(command, environment: server.environment, in: place).wait(
                    within: .seconds(180), name)
            }
            let status = try asOwner("passenger-status")
            #expect(status.status == 0 && status.output.contains("\(place.path)/mine ("), "\(status.everything)")
            #expect(!status.output.contains("theirs"), "\(status.everything)")
            let memory = try asOwner("passenger-memory-stats")
            #expect(memory.output.contains("/mine (") && !memory.output.contains("theirs"), "\(memory.everything)")

            let theirs = try #require(try pid("theirs"))
            #expect(try asOwner("passenger-config", "detach-process", "\(theirs)").status == 1)
            #expect(try asOwner("passenger-config", "reopen-logs").status == 4)
            #expect(try asOwner("passenger-config", "restart-app", "\(place.path)/theirs").status == 2)
            let before = try #require(try pid("mine"))
            // A prefix of both.
            let restart = try asOwner("passenger-config", "restart-app", place.path)
            #expect(restart.status == 0 && !restart.output.contains("theirs"), "\(restart.everything)")
            try eventually("another worker of mine") { try pid("mine").map { $0 != before } ?? false }
            #expect(try pid("theirs") == theirs)
            try server.stop()
        }
    }
}
