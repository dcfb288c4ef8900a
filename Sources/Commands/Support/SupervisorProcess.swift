import AdminAPI
import AdminClient
import Glibc
import Linux
import Model

/// The first process of a running server. Its record is the core's, which could name any process in it: only the one that
/// serves is signalled, as the kernel says.
struct SupervisorProcess {
    let instance: InstanceRecord

    init(_ instance: InstanceRecord) { self.instance = instance }

    /// Whether the record names whom the kernel says: who listens on the admin socket is the supervisor, or the core, its child.
    /// Nil: nobody listens any more.
    var isGenuine: Bool? {
        guard let connection = try? connectUnix(path: instance.adminSocket, nonBlocking: true),
            let listener = try? peerCredentials(connection.number).pid
        else { return nil }
        return listener == instance.pid
            || processParent(pid: listener) == instance.pid && Self.isSupervisor(instance.pid)
    }

    /// Whether a process is a supervisor by its command line. Anybody's own process can have one like it; but whoever has a child listen,
    /// started by cron or by the first process of the machine, must not have those signalled.
    static func isSupervisor(_ pid: Int32) -> Bool {
        ProcessEntry(pid: pid)?.command.contains("_supervise") ?? false
    }

    func signal(_ number: Int32) throws(ControlError) {
        guard let process = try? pidfdOpen(pid: instance.pid) else { throw gone }
        guard let isGenuine else { throw gone }
        guard isGenuine else {
            throw ControlError(
                .failed, "Process \(instance.pid) does not listen on \(instance.adminSocket), so it is not signalled.",
                hint: "If it is server \"\(instance.name)\" all the same, use kill.")
        }
        do throws(SystemError) {
            try pidfdSendSignal(process.number, number)
        } catch {
            if error.errno == ESRCH { throw gone }
            guard error.errno == EPERM else {
                throw ControlError(.failed, "Server \"\(instance.name)\" cannot be signalled: \(error).")
            }
            throw ControlError(
                .forbidden, "User id \(geteuid()) may not signal server \"\(instance.name)\".",
                hint: "Run the command as root or as the user that the server runs as.")
        }
    }

    private var gone: ControlError { ControlError(.notRunning, "Server \"\(instance.name)\" does not run any more.") }
}
