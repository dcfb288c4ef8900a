import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    @Suite(.serialized) struct MetricsTests {
        private static let app = "app=\"root\""

        private func metrics(_ server: TestServer) throws -> Exposition {
            let end = try server.command("metrics")
            try #require(end.status == 0, "\(end.everything)")
            return Exposition(end.output)
        }

        /// Prometheus' own opinion: that it can be read, and that it is named as it should be.
        private func check(_ metrics: Exposition, in place: Place) throws {
            try #require(Clients.isInstalled("promtool"), "scripts/setup installs it")
            let file = "\(place.path)/metrics.txt"
            try metrics.description.write(toFile: file, atomically: false, encoding: .utf8)
            let end = try Clients.run(["sh", "-c", "promtool check metrics < \(file)"], in: place)
            #expect(end.output.isEmpty && end.errors.isEmpty, "\(end.everything)")
        }

        @Test(.timeLimit(.minutes(6)))
        func `requests, a deploy, a crash and a rollback are counted, by generation until it is gone`() throws {
            let place = try Place()
            let (server, repository) = try TestServer.deployed(
                .node, in: place, options: ["--min-instances", "2", "--max-pool-size", "4"])
            try server.waitUntilServing(workers: 2)
            for _ in 0..<5 { #expect(try server.get("/version").status == 200) }
            for _ in 0..<3 { #expect(try server.get("/status?code=404").status == 404) }
            for _ in 0..<2 { #expect(try server.get("/status?code=503").status == 503) }
            #expect(try server.get("/big?bytes=100000").status == 200)
            #expect(try server.get("/slow?seconds=3").status == 200)

            // An answer is counted when it has been sent.
            var first = try metrics(server)
            try eventually("all answers", evidence: { "\(first)" }) {
                first = try metrics(server)
                return first["passenger_request_duration_seconds_count", Self.app] == 12
            }
            try check(first, in: place)
            let requests = "passenger_requests_total"
            #expect(first[requests, Self.app, "source=\"worker\"", "status=\"2xx\""] == 7, "\(first)")
            #expect(first[requests, Self.app, "source=\"worker\"", "status=\"4xx\""] == 3)
            #expect(first[requests, Self.app, "source=\"worker\"", "status=\"5xx\""] == 2)
            #expect(first["passenger_request_duration_seconds_count", Self.app] == 12)
            #expect(first["passenger_request_duration_seconds_bucket", Self.app, "le=\"2\""] == 11)
            #expect(first.sum("passenger_request_duration_seconds_sum") > 3)
            #expect(first["passenger_queue_wait_seconds_count", Self.app] == 12)
            #expect(first.sum("passenger_response_body_bytes_total") > 100_000)
            #expect(first.sum("passenger_generation_requests_total", "status=\"2xx\"") == 7)
            #expect(first.sum("passenger_generation_workers", "state=\"idle\"") == 2)
            // Two that serve, and the trial of the release.
            let spawned = first.sum("passenger_worker_spawns_total", "result=\"ready\"")
            #expect(spawned >= 2 && first["passenger_worker_spawn_duration_seconds_count", Self.app] == spawned)
            #expect(first["passenger_worker_crashes_total", Self.app] == 0)
            // The one that was left pending has gone on.
            #expect(first["passenger_deploys_total", Self.app, "result=\"done\""] == 1)
            #expect(first["passenger_core_restarts_total"] == 0)
            #expect(first.sum("passenger_connections_accepted_total") >= 12)
            #expect(first["process_open_fds"].map { $0 > 5 } ?? false)
            let core = try server.status().server.startedAt
            let started = try #require(first["process_start_time_seconds"])
            #expect(abs(started - Double(core.millisecondsSince1970) / 1000) < 5)

            // A worker dies, another release takes over, and the one before is gone.
            kill(try #require(try server.workers().first?.pid), SIGKILL)
            try eventually("the crash", evidence: { server.log }) {
                try metrics(server)["passenger_worker_crashes_total", Self.app] == 1
            }
            try server.waitUntilServing(workers: 2)
            _ = try repository.commitVersion(2)
            let deploy = try server.command("deploy", "--bake", "0s")
            #expect(deploy.status == 0, "\(deploy.everything)")
            for _ in 0..<4 { #expect(try server.get("/version").line == "2") }
            let second = try metrics(server)
            #expect(second["passenger_deploys_total", Self.app, "result=\"done\""] == 2, "\(second)")
            #expect(
                second["passenger_switches_total", Self.app] == 1 + (first["passenger_switches_total", Self.app] ?? 0))
            let generations = try server.appStatus().generations
            let live = try #require(generations.first { $0.state == .live })
            let release = try #require(live.release)
            #expect(
                second[
                    "passenger_generation_requests_total", Self.app, "generation=\"\(live.number.rawValue)\"",
                    "release=\"\(release)\"", "status=\"2xx\""] == 4, "\(second)")
            let rollback = try server.command("rollback")
            #expect(rollback.status == 0, "\(rollback.everything)")
            try eventually("the end of what was rolled back", within: .seconds(90), evidence: { server.log }) {
                try server.appStatus().generations.allSatisfy { $0.number != live.number }
            }
            let third = try metrics(server)
            #expect(third["passenger_rollbacks_total", Self.app, "result=\"done\""] == 1, "\(third)")
            #expect(!third.contains("release=\"\(release)\"") && third.contains("generation="), "\(third)")
            #expect(third["passenger_drain_duration_seconds_count", Self.app].map { $0 >= 1 } ?? false, "\(third)")
            // What belonged to it is still in the app's sums.
            #expect(third[requests, Self.app, "source=\"worker\"", "status=\"2xx\""] == 11, "\(third)")
            try check(third, in: place)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `the admin API gives them to a scraper with the right type, and the command as JSON`() throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(.python, as: "app"), in: place)
            try server.start(["--max-request-queue-size", "1", "--max-pool-size", "1"])
            try server.waitUntilServing()
            let socket = try #require(server.instance()).adminSocket
            let head = try Clients.curl("-i", "--unix-socket", socket, "http://x/metrics", in: place)
            #expect(head.lowercased().contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "\(head)")
            // One is at work, one waits, and there is no room for a third.
            let clients = try (0..<2).map { _ in try HTTPConnection(port: server.port) }
            for client in clients { try client.send("GET /slow?seconds=6 HTTP/1.1\r\nHost: test\r\n\r\n") }
            try eventually("a request that waits", evidence: { server.log }) {
                try server.appStatus().queue.length == 1
            }
            #expect(try server.get("/version").status == 503)
            let end = try server.command("metrics", "--json")
            let report = try WireJSON.decode(MetricsReport.self, from: Array(end.output.utf8))
            let app = try #require(report.apps.first)
            #expect(app.refused["queue_full"] == 1 && app.queueLength == 1 && app.queueLimit == 1, "\(end.output)")
            #expect(app.generations.first?.requestsNow == 1)
            for client in clients { #expect(try client.readAnswer().status == 200) }
            try eventually("a measurement of a worker that works", evidence: { server.log }) {
                for _ in 0..<10 { #expect(try server.get("/big?bytes=5000000").status == 200) }
                let metrics = try metrics(server)
                return metrics.sum("passenger_generation_memory_bytes", "kind=\"private\"") > 1_000_000
                    && metrics.sum("passenger_generation_cpu_seconds_total") > 0
            }
            let last = try metrics(server)
            // The second one has waited for the first.
            let below = last["passenger_queue_wait_seconds_bucket", "app=\"app\"", "le=\"1\""]
            let all = try #require(last["passenger_queue_wait_seconds_count", "app=\"app\""])
            #expect(below == all - 1, "\(last)")
            try check(last, in: place)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)), .enabled(if: OtherUsers.areThere, OtherUsers.needed))
        func `an app's owner has the metrics of his own app, and nothing of the server's`() throws {
            let place = try Place()
            let blog = try place.copyApp(.python, as: "blog")
            let shop = try place.copyApp(.python, as: "shop")
            try OtherUsers.own(shop, by: OtherUsers.app)
            let server = try TestServer(
                serverFile: """
                    apps:
                      blog: {root: \(blog), server_names: [blog.test]}
                      shop: {root: \(shop), server_names: [shop.test]}
                    """, in: place)
            try server.start()
            func ask(_ user: String, _ path: String) throws -> String {
                try server.begin(
                    ["-s", "--unix-socket", "\(place.path)/run/default/admin.sock", "http://x\(path)"], as: user,
                    program: "/usr/bin/curl"
                ).wait(within: .seconds(60)).output
            }
            for path in ["/metrics", "/metrics.json"] {
                let own = try ask(OtherUsers.app, path)
                #expect(own.contains("shop") && !own.contains("blog") && !own.contains("listener"), "\(own)")
                #expect(try ask(OtherUsers.stranger, path).contains("forbidden"))
                #expect(try ask(OtherUsers.app, "\(path)?app=blog").contains("unknown_app"))
            }
            #expect(!(try ask(OtherUsers.app, "/metrics").contains("process_open_fds")))
            let all = try ask("root", "/metrics")
            #expect(all.contains("app=\"blog\"") && all.contains("app=\"shop\"") && all.contains("process_open_fds"))
            let one = try server.run("metrics", "--app", "blog").output
            #expect(one.contains("app=\"blog\"") && !one.contains("shop"), "\(one)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(3)))
        func `another core begins anew, and says that it is another`() throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(.python, as: "app"), in: place)
            try server.start()
            try server.waitUntilServing()
            for _ in 0..<3 { #expect(try server.get("/version").status == 200) }
            let answered = { (metrics: Exposition) in metrics.sum("passenger_requests_total", "source=\"worker\"") }
            #expect(answered(try metrics(server)) == 3)
            let core = try server.status().server.corePid
            kill(core, SIGKILL)
            try eventually("another core", evidence: { server.log }) {
                (try? server.status().server.corePid).map { $0 != core } ?? false
            }
            try server.waitUntilServing()
            #expect(try server.get("/version").status == 200)
            let after = try metrics(server)
            #expect(after["passenger_core_restarts_total"] == 1 && answered(after) == 1, "\(after)")
            // What the worker used before was counted by the core before.
            #expect(after.sum("passenger_worker_spawns_total", "result=\"ready\"") == 0, "\(after)")
            try server.stop()
        }

        /// Where a query names anything else, a panel stays empty and nobody is told.
        @Test(.timeLimit(.minutes(3)))
        func `every metric that the dashboard for Grafana asks for is there`() throws {
            let place = try Place()
            let server = TestServer(try place.copyApp(.python, as: "app"), in: place)
            try server.start()
            try server.waitUntilServing()
            let known = try metrics(server).names
            let file = Data(text(of: "\(SourceTree.path)/templates/grafana/passenger.json").utf8)
            let dashboard = try #require(JSONSerialization.jsonObject(with: file) as? [String: Any])
            var queries: [String] = []
            func collect(_ value: Any) {
                if let object = value as? [String: Any] {
                    for key in ["expr", "definition"] { (object[key] as? String).map { queries.append($0) } }
                    object.values.forEach(collect)
                }
                if let list = value as? [Any] { list.forEach(collect) }
            }
            collect(dashboard)
            var asked: Set<String> = []
            for query in queries {
                for match in query.matches(of: /\b(?:passenger|process)_[a-z_]+/) { asked.insert(String(match.output)) }
            }
            #expect(queries.count > 40 && asked.count > 30)
            #expect(asked.subtracting(known).isEmpty, "\(asked.subtracting(known).sorted())")
            // And the other way round: what is told is shown, but for what only goes with something that is.
            let families = Set(known.map { $0.replacing(/_(bucket|sum|count)$/, with: "") })
            let shown = Set(asked.map { $0.replacing(/_(bucket|sum|count)$/, with: "") })
            let hidden: Set = [
                "passenger_app_paused", "passenger_generation_age_seconds", "process_virtual_memory_bytes",
            ]
            #expect(families.subtracting(shown).subtracting(hidden).isEmpty, "\(families.subtracting(shown).sorted())")
            try server.stop()
        }
    }
}
