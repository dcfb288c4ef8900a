import AdminAPI
import ArgumentParser
import Model
import Testing

@testable import Commands

struct SSHGateTests {
    private func gate(_ role: AppRole = .deploy, instance: String? = nil) -> SSHGate {
        SSHGate(app: "blog", role: role, instance: instance)
    }

    private func isForbidden(_ line: String?, _ role: AppRole = .deploy) -> Bool {
        do {
            _ = try gate(role).command(line)
            return false
        } catch let error as ControlError {
            return error.code == .forbidden && error.code.exitStatus == 4
        } catch {
            return false
        }
    }

    @Test(arguments: [
        "passenger deploy", "passenger deploy --json --app=blog --wait -- v2", "passenger deploy --app blog 'a b'",
        "passenger deploys attach 8 --json", "passenger deploys", "passenger deploys show 3 --app blog",
        "passenger releases",
        "passenger rollback --to 3 --now", "passenger deploys abort 3", "passenger deploys resume 3",
        "passenger lock -m why",
        "passenger unlock", "passenger restart", "passenger restart blog", "passenger status --json",
        "passenger deploy --ci GITHUB_RUN_ID=7", "passenger deploy --archive -",
    ])
    func `A deploy key may deploy its app, and look`(_ line: String) throws {
        _ = try gate().command(line)
    }

    @Test func `Whatever passes is about the one app, and the one server`() throws {
        let deploy = try #require(try gate(instance: "main").command("passenger deploy v2") as? DeployCommand)
        #expect(deploy.target.app == "blog" && deploy.global.instance == "main" && deploy.ref == "v2")
        let restart = try #require(try gate().command("passenger restart") as? RestartCommand)
        #expect(restart.named.options.app == "blog")
        for line in ["passenger top", "passenger metrics --json"] {
            let command = try #require(try gate(.view).command(line) as? any GatedCommand)
            #expect(command.target.app == "blog", "\(line)")
        }
        let status = try #require(try gate(.view).command("passenger status") as? StatusCommand)
        #expect(status.target.app == "blog" && status.alone)
    }

    @Test(
        arguments: [
            nil, "", "sh", "bash -i", "/bin/passenger deploy", "scp -t /tmp", "internal-sftp", "passenger",
            "passenger deploy; id", "passenger deploy $(id)", "passenger deploy `id`", "passenger deploy\nid",
            "passenger deploy > /tmp/x", "passenger deploy | sh", "passenger deploy &", "PATH=/tmp passenger deploy",
            "passenger deploy --root /srv/blog", "passenger deploy --repo /tmp/evil",
            "passenger deploy --archive /etc/passwd",
            "passenger deploy --repo=https://e/x",
            "passenger deploy --host root@db", "passenger deploy --app shop", "passenger deploy --instance other",
            "passenger stop", "passenger start /tmp", "passenger api POST /stop", "passenger config /etc",
            "passenger ssh-gate --app shop --role shell", "passenger integrate github", "passenger restart shop",
            "passenger exec -- id", "passenger exec blog -- sh", "passenger console", "passenger check /etc",
            "passenger init /tmp", "passenger reopen-logs", "passenger logs shop", "passenger logs --root /",
            "passenger memory-stats --app shop", "passenger scale 4", "passenger pause", "passenger resume",
            "passenger detach-process 7",
            "passenger deploys show 1 --root /", "passenger rollback --root /", "passenger status --app shop",
            "passenger status --root /",
        ] as [String?])
    func `Everything else is forbidden to it`(_ line: String?) {
        #expect(isForbidden(line))
    }

    @Test func `Each role has its own commands, and all may look`() throws {
        let commands: [(String, AppRole)] = [
            ("passenger deploy", .deploy), ("passenger rollback", .deploy), ("passenger restart", .deploy),
            ("passenger pause", .operate), ("passenger resume", .operate), ("passenger status", .view),
            ("passenger logs -f --worker w1", .view), ("passenger logs blog", .view), ("passenger memory-stats", .view),
        ]
        for role in AppRole.allCases {
            for (line, needed) in commands {
                #expect(isForbidden(line, role) == !role.includes(needed), "\(role): \(line)")
            }
        }
    }

    @Test func `Too long a command line is not even taken apart`() {
        #expect(isForbidden("passenger deploy " + String(repeating: "a", count: 40_000)))
    }

    @Test func `A mistake in the arguments is told as one`() {
        #expect(!isForbidden("passenger deploy --no-such-flag"))
        #expect(throws: (any Error).self) { _ = try gate().command("passenger deploy --no-such-flag") }
    }
}
