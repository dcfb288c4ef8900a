import Glibc
import Linux
import Model

/// What the supervisor removes when it goes. Nothing here can fail a shutdown: what cannot be removed stays.
enum CleanUp {
    /// - Parameter kept: files of sockets that the service manager goes on to have.
    static func run(_ plan: SupervisorPlan, keeping kept: Set<String>) {
        for listener in plan.listeners {
            if case .unix(let path) = listener.address, !kept.contains(path) { unlink(path) }
        }
        if let pidFile = plan.pidFile { removePidFile(pidFile) }
        removeInstance(plan, keeping: kept)
    }

    /// Only its directory: sockets elsewhere, and the pid file, may be another server's.
    static func removeInstance(_ plan: SupervisorPlan, keeping kept: Set<String>) {
        guard plan.instanceDirectory.hasPrefix("/") else { return }
        removeDirectory(plan.instanceDirectory, keeping: kept)
    }

    /// Only our own: another server may have been started with the same path.
    private static func removePidFile(_ path: String) {
        guard let bytes = try? readFile(path, limit: 64), String(decoding: bytes, as: UTF8.self) == "\(getpid())\n"
        else { return }
        unlink(path)
    }

    /// The directory belongs to the core's user, who may have put anything in it: everything is removed through
    /// descriptors, no link is followed, and a tree deeper than ours ever is stays.
    private static func removeDirectory(_ path: String, keeping kept: Set<String>) {
        guard let directory = try? openFile(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW) else { return }
        for name in (try? directoryEntries(directory.number)) ?? [] where !kept.contains("\(path)/\(name)") {
            removeTree(directory.number, name)
        }
        // One that is not empty stays.
        rmdir(path)
    }
}
