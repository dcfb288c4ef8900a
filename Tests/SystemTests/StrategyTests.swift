import AdminAPI
import Foundation
import Model
import Testing

extension SystemTests {
    /// How the traffic comes to a new version, with real apps and under load.
    @Suite(.serialized) struct StrategyTests {
        private func deployed(
            _ language: Language, _ settings: String, in place: Place, workers: Int = 3
        ) throws -> (server: TestServer, repository: TestRepository) {
            let (server, repository) = try TestServer.deployed(
                language, in: place, options: ["--min-instances", "\(workers)"])
            try repository.write("Passengerfile.yml", repository.passengerfile(deploy: settings))
            try server.waitUntilServing(release: "1-", workers: workers)
            return (server, repository)
        }

        private func waitForStep(_ step: String, _ server: TestServer) throws {
            try eventually("step \(step)", within: .seconds(90), evidence: { server.log }) {
                try server.appStatus().operation?.step == step
            }
        }

        private func end(_ program: Program) throws -> Program.End {
            try program.wait(within: .seconds(180), "a deploy")
        }

        @Test(.timeLimit(.minutes(6)))
        func `a rolling deploy replaces worker by worker and loses no request`() throws {
            let place = try Place()
            let (server, repository) = try deployed(.python, "  strategy: rolling\n  surge: 1", in: place)
            let load = try LoadGenerator(port: server.port, in: place)
            try load.waitForTraffic()
            try repository.commitVersion(2)
            let deploy = try server.begin(["deploy", "--root", server.directory])
            var most = 0
            try eventually("the end of a rolling deploy", within: .seconds(180), evidence: { server.log }) {
                most = max(most, try server.appStatus().generations.flatMap(\.workers).count)
                return deploy.hasEnded
            }
            #expect(try end(deploy).status == 0, "\(server.log)")
            // Four and one; those that have stopped serving count until their process has ended, on a busy machine two of them. All at
            // once they would be eight.
            #expect(most <= 7, "\(most) workers at a time")
            #expect(try server.version() == "2")
            let account = try load.stop()
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `a canary keeps its clients, is taken back when it is bad, and wins when a person says so`() throws {
            let place = try Place()
            let (server, repository) = try deployed(
                .ruby, "  strategy: canary\n  canary: {percent: 50%, for: 10m}", in: place)
            try repository.commitVersion(2)
            let deploy = try server.begin(["deploy", "--root", server.directory])
            try waitForStep("canary", server)
            var cookies: [String: String] = [:]
            for _ in 0..<60 {
                let answer = try server.get("/version")
                let cookie = answer.headers["set-cookie"]?.prefix { $0 != ";" } ?? ""
                cookies[answer.line] = String(cookie)
            }
            #expect(Set(cookies.keys) == ["1", "2"], "both versions answer: \(cookies)")
            for (version, cookie) in cookies {
                for _ in 0..<10 {
                    let answer = try fetch("/version", port: server.port, headers: ["Cookie": cookie])
                    #expect(answer.line == version)
                }
            }
            for _ in 0..<200 where try server.appStatus().operation?.step == "canary" {
                _ = try fetch("/raise", port: server.port, headers: ["Cookie": cookies["2"] ?? ""])
            }
            let bad = try end(deploy)
            #expect(bad.status == 5, "\(bad.everything)")
            #expect(bad.everything.contains("GET /raise: not asked for before"), "\(bad.everything)")
            for _ in 0..<20 { #expect(try server.version() == "1") }

            try repository.commitVersion(3)
            let good = try server.begin(["deploy", "--root", server.directory])
            try waitForStep("canary", server)
            #expect(try server.command("deploys", "approve", "3").status == 0)
            let won = try end(good)
            #expect(won.status == 0, "\(won.everything)")
            #expect(try server.version() == "3")
            #expect(try server.get("/version").headers["set-cookie"] == nil)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `what cannot run twice is replaced while requests wait, or booted again`() throws {
            let place = try Place()
            let (server, repository) = try deployed(.node, "  strategy: replace", in: place, workers: 1)
            let load = try LoadGenerator(port: server.port, in: place, kinds: [.keptAlive, .newConnection])
            try load.waitForTraffic()
            try repository.commitVersion(2)
            let good = try server.command("deploy")
            #expect(good.status == 0, "\(good.everything)")
            #expect(try server.version() == "2")
            try repository.write("app.js", "process.exit(7);")
            try repository.commitVersion(3)
            let bad = try server.command("deploy")
            #expect(bad.status == 1, "\(bad.everything)")
            try load.waitForTraffic()
            #expect(try server.version() == "2")
            let account = try load.stop()
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            #expect(try server.appStatus().pausedSince == nil)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `a switch waits for approval, a dry run changes nothing, a webhook is told and signed`() throws {
            let place = try Place()
            let hook = try WebhookServer(in: place)
            let (server, repository) = try deployed(
                .python, "  approve: true\n  webhook: {url: 'http://127.0.0.1:\(hook.port)/hook'}", in: place,
                workers: 1)
            try "DEPLOY_WEBHOOK_SECRET=a secret\n".write(
                toFile: "\(server.directory)/shared/.env", atomically: true, encoding: .utf8)
            AppUser.own("\(server.directory)/shared/.env")
            try repository.commitVersion(2)
            let plan = try server.command("deploy", "--dry-run")
            #expect(plan.status == 0, "\(plan.everything)")
            #expect(plan.output.contains("Deploy 2") && plan.output.contains("switch traffic"), "\(plan.everything)")
            #expect(try !server.command("deploys").output.contains("version 2"))

            let deploy = try server.begin(["deploy", "--root", server.directory])
            try waitForStep("approve", server)
            #expect(try server.version() == "1")
            #expect(try server.command("deploys", "approve", "2").status == 0)
            let done = try end(deploy)
            #expect(done.status == 0, "\(done.everything)")
            #expect(try server.version() == "2")
            let told = try hook.request()
            #expect(told.body.contains("\"result\" : \"done\""), "\(told.body)")
            #expect(told.signature.hasPrefix("sha256=") && told.isSigned(with: "a secret"), "\(told)")

            #expect(try server.command("lock", "-m", "a sale").status == 0)
            let refused = try server.command("deploy")
            #expect(refused.status == 4 && refused.errors.contains("a sale"), "\(refused.everything)")
            #expect(try server.command("deploy", "--dry-run").status == 4)
            #expect(try server.command("rollback").status == 0)
            #expect(try server.command("unlock").status == 0)
            try server.stop()
        }
    }
}
