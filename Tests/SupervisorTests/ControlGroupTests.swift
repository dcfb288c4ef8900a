import Glibc
import Linux
import Model
import Testing

@testable import Supervisor

/// In a real cgroup2 file system, where this machine lets us divide the group that the tests run in.
@Suite("Control groups", .serialized, .timeLimit(.minutes(5)))
struct ControlGroupTests {
    private static let place: ControlGroupPlace? = {
        guard let place = ControlGroupPlace.own(), let group = try? ControlGroup(path: place.path),
            let owner = try? group.owner()
        else { return nil }
        let objection = Delegation.objection(
            place, owner: owner, user: geteuid(), isMarked: group.isMarkedDelegated,
            hasServiceManager: access("/run/systemd/system", F_OK) == 0)
        return objection == nil ? place : nil
    }()
    private static let isDelegated = place != nil
    private static let needsGroups: Comment = "no control group here is delegated to the tests"

    private func members(_ path: String) throws -> [Int32] {
        String(decoding: try readFile("\(path)/cgroup.procs"), as: UTF8.self).split(separator: "\n").compactMap {
            Int32($0)
        }
    }

    private func eventually(_ what: String, _ condition: () throws -> Bool) throws {
        let limit = monotonicNow() + .seconds(30)
        while try !condition() {
            guard monotonicNow() < limit else { throw TimedOut(what: what) }
            usleep(10_000)
        }
    }

    @Test(
        "supervisor and core are in a group of their own, and nothing of it is left at the end",
        .enabled(if: isDelegated, needsGroups))
    func wholeLife() throws {
        let supervisor = try RunningSupervisor()
        let core = try supervisor.nextCore()
        try core.start()
        let path = try #require(core.controlGroups)
        #expect(path == "\(try #require(Self.place).path)/passenger-\(supervisor.pid)".replacing("//", with: "/"))
        #expect(core.controlGroupNote.hasPrefix("control groups below \(path)"))
        try supervisor.waitForLog(core.controlGroupNote)
        #expect(Set([supervisor.pid, core.pid]).isSubset(of: try members("\(path)/main")))
        let child = try core.spawn(shellPlan("echo up; exec sleep 1000"), group: "app-blog-g1")
        #expect(try child.line() == "up")
        #expect(try members("\(path)/app-blog-g1") == [child.entry.pid])
        try core.send(.done)
        #expect(try supervisor.waitForExit() == .exited(0))
        #expect(access(path, F_OK) != 0, "the groups are left behind")
    }

    @Test(
        "a child is born into its group, whoever it runs as; what it left behind ends with the group's last child",
        .enabled(if: isDelegated, needsGroups), arguments: [false, true])
    func lastChild(switchesUser: Bool) throws {
        if switchesUser, !isRoot { return }
        let supervisor = try RunningSupervisor { plan, _ in
            if switchesUser { plan.users = [PolicyUser(name: "app", uid: 4242, gid: 4242, groups: [])] }
        }
        let user = switchesUser ? "app" : nil
        let core = try supervisor.nextCore()
        try core.start()
        let path = "\(try #require(core.controlGroups))/app-blog-g1"
        // A daemon in a session of its own: the process group knows nothing of it.
        let first = try core.spawn(
            shellPlan("setsid sh -c 'echo $$; exec sleep 1000' & wait"), user: user, group: "app-blog-g1")
        let daemon = try #require(Int32(try first.line()))
        let process = try pidfdOpen(pid: daemon)
        let second = try core.spawn(shellPlan("echo up; exec sleep 1000"), user: user, group: "app-blog-g1")
        #expect(try second.line() == "up")
        #expect(Set([first.entry.pid, second.entry.pid, daemon]).isSubset(of: try members(path)))
        // It cannot leave.
        if switchesUser {
            let mover = try core.spawn(
                shellPlan("echo $$ > \(try #require(core.controlGroups))/main/cgroup.procs && echo left || echo kept"),
                user: user, group: "app-blog-g1")
            #expect(try mover.line() == "kept")
            _ = try core.expectExit(mover.entry.tag)
        }
        try core.send(.signal(tag: first.entry.tag, signal: SIGKILL, scope: .group))
        _ = try core.expectExit(first.entry.tag)
        #expect(try members(path).contains(daemon), "others of the generation are there still")
        try core.send(.signal(tag: second.entry.tag, signal: SIGKILL, scope: .group))
        _ = try core.expectExit(second.entry.tag)
        try waitGone(process, "the daemon's end")
        try eventually("the end of the group") { access(path, F_OK) != 0 }
        // The same name again is a new group.
        let third = try core.spawn(shellPlan("echo up; exec sleep 1000"), user: user, group: "app-blog-g1")
        #expect(try third.line() == "up" && members(path) == [third.entry.pid])
    }

    @Test("something that forks faster than it can be listed ends all the same", .enabled(if: isDelegated, needsGroups))
    func forkBomb() throws {
        let supervisor = try RunningSupervisor()
        let core = try supervisor.nextCore()
        try core.start()
        let path = "\(try #require(core.controlGroups))/app-bomb-g1"
        // Each process of it starts the next one in another session, and ends: no list of pids is true for long.
        let bomb =
            "import os\\nfor _ in range(20): os.fork()\\nwhile True:\\n  if os.fork(): os._exit(0)\\n  os.setsid()"
        var plan = shellPlan("python3 -c \"$(printf '\(bomb)')\" & echo up; exec sleep 1000")
        // RLIMIT_NPROC does not bind root, so the bomb is bounded itself.
        plan.arguments[2] = plan.arguments[2].replacing("range(20)", with: "range(3)")
        let child = try core.spawn(plan, group: "app-bomb-g1")
        #expect(try child.line() == "up")
        try eventually("the bomb") { try members(path).count > 3 }
        try core.send(.signal(tag: child.entry.tag, signal: SIGKILL, scope: .leader))
        _ = try core.expectExit(child.entry.tag)
        try eventually("the end of the bomb") { access(path, F_OK) != 0 }
    }

    @Test("a group with another name than that of a generation is refused")
    func names() throws {
        for name in ["", "main", "..", ".x", "a/b", "cgroup.procs", "a b", String(repeating: "x", count: 129)] {
            #expect(!ControlGroups.isName(name), "\(name)")
        }
        #expect(ControlGroups.isName("app-a.b_c-1-g12"))
        let supervisor = try RunningSupervisor()
        let core = try supervisor.nextCore()
        try core.start()
        let tag = try core.request(shellPlan("true"), group: "../escape")
        #expect(try core.receive().message == .spawnRefused(tag: tag, reason: "no control group can be called that"))
    }

    @Test("groups of a supervisor that was killed are removed by the next one", .enabled(if: isDelegated, needsGroups))
    func leftovers() throws {
        let killed = try RunningSupervisor()
        let core = try killed.nextCore()
        try core.start()
        let path = try #require(core.controlGroups)
        let child = try core.spawn(shellPlan("echo up; exec sleep 1000"), group: "app-blog-g1")
        #expect(try child.line() == "up")
        let coreProcess = try pidfdOpen(pid: core.pid)
        try killed.signal(SIGKILL)
        _ = try killed.waitForExit()
        try waitGone(child.process, "the child's end")
        try waitGone(coreProcess, "the core's end")
        #expect(access("\(path)/app-blog-g1", F_OK) == 0)
        try eventually("the end of the groups") {
            let next = try RunningSupervisor()
            try next.nextCore().start()
            return access(path, F_OK) != 0
        }
    }

    @Test("what is not ours to divide is left alone")
    func delegation() {
        let place = ControlGroupPlace(path: "/sys/fs/cgroup/a.service", isTop: false, isReadOnly: false)
        let top = ControlGroupPlace(path: "/sys/fs/cgroup", isTop: true, isReadOnly: false)
        func isOurs(
            _ place: ControlGroupPlace, owner: UInt32 = 0, user: UInt32 = 0, isMarked: Bool = false,
            systemd: Bool = true
        ) -> Bool {
            Delegation.objection(place, owner: owner, user: user, isMarked: isMarked, hasServiceManager: systemd) == nil
        }
        #expect(!isOurs(place) && isOurs(place, isMarked: true))
        #expect(!isOurs(place, systemd: false))
        #expect(
            isOurs(place, owner: 7, user: 7) && !isOurs(place, owner: 0, user: 7) && !isOurs(place, owner: 7, user: 8))
        #expect(isOurs(top, systemd: false) && !isOurs(top, systemd: true))
        let readOnly = ControlGroupPlace(path: "/sys/fs/cgroup", isTop: true, isReadOnly: true)
        #expect(!isOurs(readOnly, isMarked: true))
    }
}
