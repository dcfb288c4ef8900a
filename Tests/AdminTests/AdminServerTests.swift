import AdminAPI
import AdminClient
import AdminServer
import Foundation
import Glibc
import Linux
import Model
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5)))
struct AdminServerTests {
    private let blog = AppName("blog")!

    @Test func `Status, apps and history come back as they were given`() async throws {
        let plane = FakeControlPlane()
        let expected = await plane.status()
        try await withServer(plane) { path in
            try await blocking { () throws in
                let client = AdminClient(socketPath: path)
                #expect(try client.status() == expected)
                #expect(try client.apps().map(\.name) == [blog])
                #expect(try client.deploys(blog).map(\.number) == [DeployNumber(8)])
                #expect(try client.deployDetail(blog, DeployNumber(8)).summary.state == "stable")
                #expect(try client.releases(blog).isEmpty)
                #expect(try client.get("/ping", as: PingAnswer.self).version == "1.0.0")
            }
        }
    }

    @Test func `Metrics come as text and as JSON, of all apps or of one`() async throws {
        let plane = FakeControlPlane(apps: ["blog", "shop"])
        let expected = await plane.metrics()
        try await withServer(plane) { path in
            try await blocking { () throws in
                let client = AdminClient(socketPath: path)
                #expect(try client.metrics() == expected)
                #expect(try client.metrics(of: "shop").apps.map(\.name.rawValue) == ["shop"])
                let text = String(decoding: try client.metricsText(), as: UTF8.self)
                #expect(text.contains("\npassenger_core_restarts_total 0\n"))
                #expect(text.contains("{app=\"blog\"") && text.contains("{app=\"shop\""))
                let one = String(decoding: try client.metricsText(of: "shop"), as: UTF8.self)
                #expect(!one.contains("blog") && one.contains("{app=\"shop\"") && !one.contains("core_restarts"))
                for unknown in ["other", "a b&c"] {
                    let error = #expect(throws: ControlError.self) { try client.metrics(of: unknown) }
                    #expect(error?.code == .unknownApp)
                }
            }
        }
    }

    @Test func `Requests reach the control plane with their caller`() async throws {
        let plane = FakeControlPlane()
        try await withServer(plane) { path in
            try await blocking { () throws in
                let client = AdminClient(socketPath: path)
                var request = DeployRequest()
                request.ref = "main"
                request.force = true
                #expect(try client.deploy(blog, request).deploy == DeployNumber(8))
                var rollback = RollbackRequest()
                rollback.to = DeployNumber(3)
                _ = try client.rollback(blog, rollback)
                _ = try client.restart(blog, RestartRequest())
                _ = try client.abort(blog, deploy: DeployNumber(8))
                #expect(try client.plan(blog, DeployRequest()).strategy == "canary")
                _ = try client.resumeDeploy(blog, deploy: DeployNumber(8), DeployOrder())
                _ = try client.approve(blog, deploy: DeployNumber(8), DeployOrder())
                _ = try client.lock(blog, LockRequest(message: "a sale"))
                _ = try client.unlock(blog, UnlockRequest())
                for message in ["", "a\u{1b}[2J", String(repeating: "a", count: 1001)] {
                    #expect(throws: ControlError.self) { try client.lock(blog, LockRequest(message: message)) }
                }
                #expect(try client.scale(blog, ScaleRequest(workers: 5)).kept == 2)
                #expect(try client.scale(blog, ScaleRequest()).wanted == nil)
                #expect(try client.pause(blog, PauseRequest(holdSeconds: 2.5)).held == 3)
                #expect(try !client.resume(blog).isPaused)
                #expect(try client.detach(blog, pid: 42).outcome == .detached)
                #expect(try client.stop(StopRequest()).supervisorPid == 4711)
            }
        }
        #expect(
            plane.requests.withLock { $0 } == [
                "deploy blog main force=true", "rollback blog 3 now=false", "restart blog", "abort blog 8",
                "plan blog", "resume blog 8", "approve blog 8", "lock blog a sale", "unlock blog",
                "scale blog 5", "scale blog -", "pause blog 2.5", "resume blog", "detach blog 42", "stop hurry=false",
            ])
        #expect(plane.callers.withLock { $0 }.allSatisfy { $0 == Caller(uid: getuid(), pid: getpid()) })
    }

    @Test func `An operation that may not start now is refused with its reason`() async throws {
        try await withServer(FakeControlPlane()) { path in
            let error = try await controlError {
                var request = DeployRequest()
                request.ref = "locked"
                _ = try AdminClient(socketPath: path).deploy(blog, request)
            }
            #expect(
                error
                    == ControlError(
                        .refused, "Deploy 7 is running.", hint: "Wait with --wait.", details: ["by root"]))
        }
    }

    @Test(arguments: [
        ("GET", "/apps/shop/deploys", 404, "unknown_app"), ("GET", "/apps/%2e%2e/deploys", 404, "unknown_app"),
        ("GET", "/nothing", 404, "not_found"), ("DELETE", "/nothing", 404, "not_found"),
        ("GET", "/apps/blog/deploys/9", 404, "not_found"), ("GET", "/apps/blog/deploys/x", 404, "not_found"),
        ("GET", "/apps/blog/operations/deploy-404/events", 404, "not_found"),
        ("GET", "/apps/blog/operations/a.b/events", 404, "not_found"),
        ("POST", "/apps/blog/workers/43/detach", 404, "not_found"),
        ("POST", "/apps/blog/workers/-1/detach", 404, "not_found"),
    ])
    func `What is not there is a 404 that says so`(
        _ method: String, _ path: String, _ status: Int, _ code: String
    ) async throws {
        try await withServer(FakeControlPlane()) { socketPath in
            let answer = try await raw(socketPath, method, path)
            #expect(answer.status == status)
            #expect(answer.body.contains("\"code\" : \"\(code)\""))
        }
    }

    @Test func `Nothing follows the head of an answer to HEAD but the next answer`() async throws {
        try await withServer(FakeControlPlane()) { path in
            let text = try await blocking { () throws in
                let connection = try connectUnix(path: path)
                let requests =
                    "HEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\nGET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                try writeAll(connection.number, Array(requests.utf8))
                return String(decoding: try readAll(connection.number, limit: 1 << 16), as: UTF8.self)
            }
            let answers = text.split(separator: "\r\n\r\n")
            #expect(answers.count == 3 && answers[0].hasPrefix("HTTP/1.1 404"), "\(text)")
            #expect(answers.count > 1 && answers[1].hasPrefix("HTTP/1.1 200"), "\(text)")
        }
    }

    @Test func `A dash means the only app, and several apps must be told apart`() async throws {
        try await withServer(FakeControlPlane()) { path in
            let answer = try await raw(path, "GET", "/apps/-/deploys")
            #expect(answer.status == 200)
        }
        try await withServer(FakeControlPlane(apps: ["blog", "shop"])) { path in
            let answer = try await raw(path, "GET", "/apps/-/deploys")
            #expect(answer.status == 404)
            #expect(answer.body.contains("Name one: blog, shop."))
        }
    }

    @Test(arguments: ["{", "[]", "{\"force\": \"yes\"}", "\u{0}\u{1}"])
    func `A body that is not understood is refused as usage`(_ body: String) async throws {
        let plane = FakeControlPlane()
        try await withServer(plane) { path in
            let answer = try await raw(path, "POST", "/apps/blog/deploys", body)
            #expect(answer.status == 400)
            #expect(answer.body.contains("\"code\" : \"usage\""))
        }
        #expect(plane.requests.withLock { $0 }.isEmpty)
    }

    @Test func `A body over the limit is refused, and the server goes on`() async throws {
        try await withServer(FakeControlPlane()) { path in
            let answer = try await raw(path, "POST", "/apps/blog/deploys", String(repeating: " ", count: 1 << 20))
            #expect(answer.status == 413)
            #expect(try await raw(path, "GET", "/ping").status == 200)
        }
    }

    @Test func `An archive is streamed, whatever its size, and is whole when it is taken`() async throws {
        let plane = FakeControlPlane()
        try await withServer(plane) { path in
            try await blocking { () throws in
                let directory = try TemporaryDirectory()
                let name = "\(directory.path)/archive"
                try Data(repeating: 7, count: 32 << 20).write(to: URL(filePath: name))
                let file = try openFile(name, flags: O_RDONLY)
                #expect(try AdminClient(socketPath: path).sendArchive(blog, from: file.number).commit == "c")
            }
        }
        #expect(plane.requests.withLock { $0 } == ["archive blog \(32 << 20)"])
    }

    @Test func `An empty body has every default`() async throws {
        try await withServer(FakeControlPlane()) { path in
            let answer = try await raw(path, "POST", "/apps/blog/restart")
            #expect(answer.status == 202)
        }
    }

    @Test(.enabled(if: getuid() == 0))
    func `Another user is told that it may not`() async throws {
        let plane = FakeControlPlane()
        try await withServer(plane) { path in
            let answer = try await blocking { try curl(path, "/status", asUser: "nobody") }
            #expect(answer.hasPrefix("403"))
            #expect(answer.contains("\"code\" : \"forbidden\""))
        }
    }

    @Test func `A reload answers what has changed`() async throws {
        let plane = FakeControlPlane()
        try await withServer(plane) { path in
            let answer = try await blocking { try AdminClient(socketPath: path).reload() }
            #expect(answer.removed == [AppName("shop")!] && answer.restarts.isEmpty)
            #expect(plane.requests.withLock { $0 } == ["reload"])
        }
    }

    @Test func `An upgrade answers both versions`() async throws {
        let plane = FakeControlPlane()
        try await withServer(plane) { path in
            let answer = try await blocking { try AdminClient(socketPath: path).upgrade() }
            #expect(answer == UpgradeAnswer(from: "1.0", to: "1.1"))
            #expect(plane.requests.withLock { $0 } == ["upgrade"])
        }
    }

    @Test(.enabled(if: getuid() == 0))
    func `Only who may stop the server may have it read its configuration, or another program take over`() async throws
    {
        let nobody = try #require(try lookUpUser(name: "nobody"))
        let access = AppAccess(app: blog, owners: [nobody.uid], roles: AppRoles())
        try await withServer(FakeControlPlane(access: [access])) { path in
            let answer = try await blocking { try curl(path, "/reload", asUser: "nobody", "-X", "POST") }
            #expect(answer.hasPrefix("403") && answer.contains("may not reload this server"))
            let upgrade = try await blocking { try curl(path, "/upgrade", asUser: "nobody", "-X", "POST") }
            #expect(upgrade.hasPrefix("403") && upgrade.contains("may not upgrade this server"))
        }
    }

    @Test func `Logs are lines of JSON, and what is asked of them is checked`() async throws {
        let plane = FakeControlPlane()
        try await withServer(plane) { path in
            let answer = try await raw(path, "GET", "/apps/blog/logs?lines=5&follow=true&generation=7&source=w1")
            #expect(answer.status == 200 && answer.body == "{\"event\":\"skipped\",\"lines\":3}\n")
            #expect(
                plane.requests.withLock { $0 } == ["logs blog lines=5&follow=true&generation=7&source=w1"])
            for query in ["lines=-1", "lines=x", "lines=99999999", "generation=x", "generation=-1"] {
                #expect(try await raw(path, "GET", "/apps/blog/logs?\(query)").status == 400, "\(query)")
            }
        }
    }

    @Test(.enabled(if: getuid() == 0))
    func `Whoever may look sees logs, and only who may run anything the environment of processes`() async throws {
        let nobody = try #require(try lookUpUser(name: "nobody"))
        for (role, context) in [(AppRole.view, "403"), (.operate, "403"), (.shell, "200")] {
            var roles = AppRoles()
            roles[role] = ["nobody"]
            let access = AppAccess(app: blog, owners: [], roles: roles)
            try await withServer(FakeControlPlane(access: [access])) { path in
                let logs = try await blocking { try curl(path, "/apps/blog/logs", asUser: nobody.name) }
                #expect(logs.hasPrefix("200"), "\(role): \(logs)")
                let answer = try await blocking { try curl(path, "/apps/blog/context", asUser: nobody.name) }
                #expect(
                    answer.hasPrefix(context) && answer.contains("SECRET") == (context == "200"), "\(role): \(answer)")
            }
        }
    }

    @Test func `livez answers always, readyz only when requests may be sent`() async throws {
        let plane = FakeControlPlane()
        try await withServer(plane) { path in
            #expect(try await raw(path, "GET", "/readyz").status == 200)
            plane.objection.withLock { $0 = "the server stops" }
            let refused = try await raw(path, "GET", "/readyz")
            #expect(refused.status == 503)
            #expect(refused.body.contains("the server stops"))
            #expect(try await raw(path, "GET", "/livez").status == 200)
        }
    }

    @Test(.enabled(if: getuid() == 0))
    func `A stranger may look whether it is ready, and learns no more`() async throws {
        let plane = FakeControlPlane()
        plane.objection.withLock { $0 = "not live yet: blog" }
        try await withServer(plane) { path in
            let refused = try await blocking { try curl(path, "/readyz", asUser: "nobody") }
            #expect(refused.hasPrefix("503") && !refused.contains("blog"))
            plane.objection.withLock { $0 = nil }
            #expect(try await blocking { try curl(path, "/readyz", asUser: "nobody") }.hasPrefix("200"))
        }
    }

    @Test(.enabled(if: getuid() == 0))
    func `The user that the instance runs as may`() async throws {
        let nobody = try #require(try lookUpUser(name: "nobody"))
        try await withServer(FakeControlPlane(), users: [nobody.uid]) { path in
            let answer = try await blocking { try curl(path, "/ping", asUser: "nobody") }
            #expect(answer.hasPrefix("200"))
        }
    }

    private func controlError(_ body: @escaping @Sendable () throws -> Void) async throws -> ControlError? {
        try await blocking { () throws in
            do {
                try body()
                return nil
            } catch let error as ControlError {
                return error
            }
        }
    }
}

struct RawAnswer: Sendable {
    var status: Int
    var body: String
}

func raw(_ socketPath: String, _ method: String, _ path: String, _ body: String = "") async throws -> RawAnswer {
    try await blocking { () throws in
        var bytes: [UInt8] = []
        let client = AdminClient(socketPath: socketPath)
        let status = try client.raw(method, path, body: Array(body.utf8)) { bytes += $0 }
        return RawAnswer(status: status, body: String(decoding: bytes, as: UTF8.self))
    }
}

/// "STATUS BODY", asked by another user with another program.
private func curl(_ socketPath: String, _ path: String, asUser user: String, _ more: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/setpriv")
    process.arguments =
        [
            "--reuid", user, "--clear-groups", "curl", "-s", "-w", "%{stderr}%{http_code}", "--unix-socket", socketPath,
            "http://passenger\(path)",
        ] + more
    let (output, status) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = status
    try process.run()
    let body = output.fileHandleForReading.readDataToEndOfFile()
    let code = status.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: code, as: UTF8.self) + " " + String(decoding: body, as: UTF8.self)
}
