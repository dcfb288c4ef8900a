import Glibc
import Linux
import Model

/// What the supervisor removes when it goes. Nothing here can fail a shutdown: what cannot be removed stays.
enum CleanUp {
    static func run(_ plan: SupervisorPlan) {
        for listener in plan.listeners {
            if case .unix(let path) = listener.address { unlink(path) }
        }
        if let pidFile = plan.pidFile { removePidFile(pidFile) }
        removeInstance(plan)
    }

    /// Only its directory: sockets elsewhere, and the pid file, may be another server's.
    static func removeInstance(_ plan: SupervisorPlan) {
        if plan.instanceDirectory.hasPrefix("/") { removeDirectory(plan.instanceDirectory) }
    }

    /// Only our own: another server may have been started with the same path.
    private static func removePidFile(_ path: String) {
        guard let bytes = try? readFile(path, limit: 64), String(decoding: bytes, as: UTF8.self) == "\(getpid())\n"
        else { return }
        unlink(path)
    }

    /// The directory belongs to the core's user, who may have put anything in it: everything is removed through
    /// descriptors, no link is followed, and a tree deeper than ours ever is stays.
    private static func removeDirectory(_ path: String) {
        guard let directory = try? openFile(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW) else { return }
        emptyDirectory(directory.number)
        rmdir(path)
    }
}
