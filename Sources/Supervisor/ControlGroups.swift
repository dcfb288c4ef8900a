import Glibc
import Linux
import Model

/// The control groups of this server, below the one that it was started in:
///
///     passenger-PID/main      supervisor, core, tools
///     passenger-PID/NAME      one for the workers of each generation
///
/// A group holds whatever a worker starts, also what left its process group, and ends all of that in one step.
final class ControlGroups {
    static let main = "main"
    private static let prefix = "passenger-"

    private let above: ControlGroup
    private let base: ControlGroup
    /// Killed, and to be removed once the last process is gone.
    private var ending: Set<String> = []
    let hasMemory: Bool

    /// Why there are none, for people.
    struct Unavailable: Error { var reason: String }

    private static func make() throws(Unavailable) -> ControlGroups {
        guard let place = ControlGroupPlace.own() else { throw Unavailable(reason: "there is no cgroup2 file system") }
        do throws(SystemError) {
            let group = try ControlGroup(path: place.path)
            let objection = Delegation.objection(
                place, owner: try group.owner(), user: geteuid(), isMarked: group.isMarkedDelegated,
                hasServiceManager: access("/run/systemd/system", F_OK) == 0)
            if let objection { throw SystemError(call: objection, errno: 0) }
            return try ControlGroups(above: group)
        } catch {
            throw Unavailable(reason: error.errno == 0 ? error.call : "\(error)")
        }
    }

    /// And what to tell people of them. `kept`: those of the image before.
    static func obtain(_ kept: SupervisorState?) -> (groups: ControlGroups?, note: String) {
        if let kept {
            guard let own = kept.controlGroups else { return (nil, kept.controlGroupNote) }
            do throws(SystemError) {
                return (try ControlGroups(own), kept.controlGroupNote)
            } catch {
                return (nil, "no control groups any more, only process groups: \(error)")
            }
        }
        do throws(Unavailable) {
            let groups = try make()
            return (groups, groups.description)
        } catch {
            return (nil, "no control groups, only process groups: \(error.reason)")
        }
    }

    private init(_ kept: SupervisorState.ControlGroups) throws(SystemError) {
        let base = try ControlGroup(path: kept.path)
        above = try ControlGroup(path: String(kept.path[..<(kept.path.lastIndex(of: "/") ?? kept.path.startIndex)]))
        hasMemory = Self.hasMemory(base)
        ending = kept.ending
        self.base = base
    }

    private init(above: consuming ControlGroup) throws(SystemError) {
        Self.removeLeftovers(in: above)
        let name = "\(Self.prefix)\(getpid())"
        let base = try above.child(name)
        do throws(SystemError) {
            // Groups with processes of their own can have no controllers for those below them, so we move away. That this
            // is allowed shows that children will be able to as well.
            try base.child(Self.main).write("0", to: "cgroup.procs")
        } catch {
            try? base.removeChild(Self.main)
            try? above.removeChild(name)
            throw error
        }
        // There may be no such controller here, or others in the group above: then there are no figures.
        try? above.write("+memory", to: "cgroup.subtree_control")
        try? base.write("+memory", to: "cgroup.subtree_control")
        hasMemory = Self.hasMemory(base)
        self.base = base
        self.above = above
    }

    private static func hasMemory(_ group: borrowing ControlGroup) -> Bool {
        let controllers = (try? group.read("cgroup.subtree_control")) ?? ""
        return controllers.split(whereSeparator: \.isWhitespace).contains("memory")
    }

    var kept: SupervisorState.ControlGroups { SupervisorState.ControlGroups(path: path, ending: ending) }

    var path: String { base.path }

    var description: String {
        "control groups below \(path)\(hasMemory ? "" : ", without the memory controller")"
    }

    static func isName(_ name: String) -> Bool {
        guard (1...128).contains(name.utf8.count), name != main, !name.hasPrefix("."), !name.hasPrefix("cgroup.") else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    /// For `passenger-launch` to join the group by; it is made if it is not there.
    func entrance(_ name: String) throws(SystemError) -> Descriptor {
        let entrance = try base.child(name).entrance()
        ending.remove(name)
        return entrance
    }

    /// The last child in it has ended: what it left behind ends too.
    func end(_ name: String) {
        ending.insert(name)
        kill(name)
        tidy()
    }

    func killAll() {
        for name in (try? base.children()) ?? [] where name != Self.main { kill(name) }
    }

    /// To be called whenever a process has been reaped: the group may be empty now.
    func tidy() {
        for name in ending {
            do throws(SystemError) {
                try base.removeChild(name)
                ending.remove(name)
            } catch {
                // EBUSY: not all are dead yet.
                if error.errno == ENOENT { ending.remove(name) }
            }
        }
    }

    /// Back to where we came from, with nothing left behind. What cannot be removed is by the next server.
    func leave() {
        for name in (try? base.children()) ?? [] where name != Self.main { try? base.removeChild(name) }
        if hasMemory {
            try? base.write("-memory", to: "cgroup.subtree_control")
            try? above.write("-memory", to: "cgroup.subtree_control")
        }
        try? above.write("0", to: "cgroup.procs")
        Self.remove("\(Self.prefix)\(getpid())", in: above)
    }

    private func kill(_ name: String) {
        // It may never have been made.
        try? ControlGroup(path: "\(path)/\(name)").kill()
    }

    /// Of supervisors that were killed. One that lives keeps its own, as there are processes in it.
    private static func removeLeftovers(in above: borrowing ControlGroup) {
        for name in (try? above.children()) ?? [] where name.hasPrefix(prefix) {
            guard let pid = Int32(name.dropFirst(prefix.count)), Glibc.kill(pid, 0) != 0, errno == ESRCH else {
                continue
            }
            remove(name, in: above)
        }
    }

    private static func remove(_ name: String, in above: borrowing ControlGroup) {
        if let group = try? ControlGroup(path: "\(above.path)/\(name)") {
            for child in (try? group.children()) ?? [] { try? group.removeChild(child) }
        }
        try? above.removeChild(name)
    }
}
