import AdminAPI
import AdminServer
import Foundation
import Glibc
import Linux
import Model
import Synchronization
import Testing

struct AccessPolicyTests {
    private let blog = AppName("blog")!
    private let shop = AppName("shop")!
    private let policy = AccessPolicy(instanceUsers: [50])

    private func apps() -> [AppAccess] {
        var roles = AppRoles()
        roles[.deploy] = ["alice", "@ops"]
        roles[.view] = ["@staff"]
        roles[.operate] = ["carol"]
        return [
            AppAccess(app: blog, owners: [1000], roles: roles), AppAccess(app: shop, owners: [1001], roles: AppRoles()),
        ]
    }

    private func standing(_ uid: UInt32, _ user: String?, _ groups: Set<String> = []) -> Standing {
        policy.standing(of: CallerIdentity(uid: uid, user: user, groups: groups), apps: apps())
    }

    @Test(arguments: [0, 50])
    func `Root and the instance's user have all`(_ uid: UInt32) {
        #expect(standing(uid, nil) == .all)
        #expect(policy.hasAll(Caller(uid: uid, pid: 1)))
    }

    @Test func `An owner has its own app's, and nothing of others`() {
        for role in AppRole.allCases {
            #expect(standing(1000, "blog").allows(role, blog))
            #expect(!standing(1000, "blog").allows(role, shop))
        }
    }

    @Test func `A role is held by name or by group, includes looking, and no other role`() {
        let expected: [(Standing, Set<AppRole>)] = [
            (standing(2, "alice"), [.view, .deploy]), (standing(3, "bob", ["ops"]), [.view, .deploy]),
            (standing(4, "dora", ["staff"]), [.view]), (standing(5, "carol"), [.view, .operate]),
            (standing(6, "ops"), []), (standing(7, "@ops"), []),
            (standing(8, nil, ["alice"]), []), (standing(9, "mallory", ["users"]), []),
        ]
        for (standing, roles) in expected {
            for role in AppRole.allCases {
                #expect(standing.allows(role, blog) == roles.contains(role), "\(standing) \(role)")
            }
            #expect(!standing.allows(.view, shop))
            #expect(standing.isStranger == roles.isEmpty)
        }
    }

    @Test func `A refusal names who may`() {
        let error = AccessPolicy.refusal(of: Caller(uid: 9, pid: 1), .deploy, apps()[0], app: blog)
        #expect(error.code == .forbidden && error.code.exitStatus == 4)
        #expect(error.hint?.contains("alice, @ops") == true)
        let view = AccessPolicy.refusal(of: Caller(uid: 9, pid: 1), .view, apps()[0], app: blog)
        #expect(view.hint?.contains("@staff") == true && view.hint?.contains("carol") == true)
    }

    @Test(.enabled(if: getuid() == 0))
    func `Each route asks for its role, of whoever the kernel says is there`() async throws {
        let user = try #require(try lookUpUser(name: "games"))
        for role in AppRole.allCases {
            var roles = AppRoles()
            roles[role] = ["games"]
            let plane = FakeControlPlane(
                apps: ["blog", "shop"],
                access: [
                    AppAccess(app: blog, owners: [], roles: roles),
                    AppAccess(app: shop, owners: [], roles: AppRoles()),
                ])
            try await withServer(plane, users: [0]) { path in
                for (method, route, needed) in routes {
                    let answer = try await blocking {
                        try curl(path, method, "/apps/blog/\(route)", uid: user.uid, gid: user.gid)
                    }
                    let isAllowed = role.includes(needed)
                    #expect((answer.hasPrefix("403")) != isAllowed, "\(role): \(method) \(route): \(answer)")
                    if !isAllowed { #expect(answer.contains("forbidden") && answer.contains("'roles'"), "\(answer)") }
                    let other = try await blocking {
                        try curl(path, method, "/apps/shop/\(route)", uid: user.uid, gid: user.gid)
                    }
                    #expect(other.hasPrefix("403"), "\(other)")
                }
                let status = try await blocking { try curl(path, "GET", "/status", uid: user.uid, gid: user.gid) }
                #expect(
                    status.hasPrefix("200") && status.contains("/srv/blog") && !status.contains("shop"), "\(status)")
                for route in ["/metrics", "/metrics.json"] {
                    let metrics = try await blocking { try curl(path, "GET", route, uid: user.uid, gid: user.gid) }
                    #expect(metrics.hasPrefix("200") && metrics.contains("blog"), "\(metrics)")
                    #expect(!metrics.contains("shop") && !metrics.contains("core_restarts"), "\(metrics)")
                    let other = try await blocking {
                        try curl(path, "GET", "\(route)?app=shop", uid: user.uid, gid: user.gid)
                    }
                    #expect(other.hasPrefix("404"), "\(other)")
                }
                let stop = try await blocking { try curl(path, "POST", "/stop", uid: user.uid, gid: user.gid) }
                #expect(stop.hasPrefix("403"), "\(stop)")
                let repository = try await blocking {
                    try curl(
                        path, "POST", "/apps/blog/deploys", uid: user.uid, gid: user.gid, body: #"{"repo": "/tmp/x"}"#)
                }
                #expect(repository.hasPrefix("403"), "\(repository)")
            }
            #expect(plane.requests.withLock { $0 }.allSatisfy { !$0.contains("shop") && !$0.hasPrefix("stop") })
        }
    }

    @Test(.enabled(if: getuid() == 0))
    func `A group is a group of the user database`() async throws {
        let user = try #require(try lookUpUser(name: "games"))
        var roles = AppRoles()
        roles[.view] = ["@games"]
        let plane = FakeControlPlane(access: [AppAccess(app: blog, owners: [], roles: roles)])
        try await withServer(plane, users: [0]) { path in
            let games = try await blocking { try curl(path, "GET", "/apps/-/deploys", uid: user.uid, gid: user.gid) }
            #expect(games.hasPrefix("200"), "\(games)")
            let nobody = try await blocking { try curl(path, "GET", "/apps/blog/deploys", uid: 65534, gid: 65534) }
            #expect(nobody.hasPrefix("403"), "\(nobody)")
        }
    }

    private let routes: [(String, String, AppRole)] = [
        ("GET", "deploys", .view), ("GET", "deploys/8", .view), ("GET", "releases", .view),
        ("GET", "operations/deploy-8/events", .view), ("POST", "deploys", .deploy),
        ("POST", "deploys/8/abort", .deploy),
        ("POST", "deploys/8/resume", .deploy), ("POST", "rollback", .deploy), ("POST", "restart", .deploy),
        ("POST", "lock", .deploy), ("POST", "unlock", .deploy), ("POST", "scale", .operate),
        ("POST", "pause", .operate),
        ("POST", "resume", .operate), ("POST", "workers/42/detach", .operate), ("GET", "env", .shell),
        ("POST", "env", .shell),
        ("GET", "env?values=true", .shell), ("POST", "deploys/8/approve", .deploy), ("PUT", "archive", .deploy),
    ]
}

/// "STATUS BODY", asked by another user with another program.
private func curl(
    _ socketPath: String, _ method: String, _ path: String, uid: UInt32, gid: UInt32, body: String? = nil
) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/setpriv")
    process.arguments =
        [
            "--reuid=\(uid)", "--regid=\(gid)", "--clear-groups", "curl", "-s", "-X", method, "-w",
            "%{stderr}%{http_code}", "--unix-socket", socketPath, "http://passenger\(path)",
        ] + (body.map { ["-d", $0] } ?? [])
    let (output, status) = (Foundation.Pipe(), Foundation.Pipe())
    process.standardOutput = output
    process.standardError = status
    try process.run()
    let body = output.fileHandleForReading.readDataToEndOfFile()
    let code = status.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: code, as: UTF8.self) + " " + String(decoding: body, as: UTF8.self)
}
