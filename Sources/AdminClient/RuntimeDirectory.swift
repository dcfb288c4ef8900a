package import AdminAPI
import Glibc
import Linux
import Model

/// Where instances keep their sockets and their records: `<runtime_dir>/<instance>/{instance.json, admin.sock}`.
package struct RuntimeDirectory: Sendable {
    private let uid: UInt32
    private let environment: [String: String]
    private let lingers: Bool

    /// `lingers`: whether systemd keeps this user's processes and XDG_RUNTIME_DIR after the last log-out.
    package init(uid: UInt32, environment: [String: String], lingers: Bool) {
        self.uid = uid
        self.environment = environment
        self.lingers = lingers
    }

    /// For the process that asks.
    package static func ofThisProcess(environment: [String: String]) -> RuntimeDirectory {
        let uid = getuid()
        // No name, no lingering: the state directory serves as well.
        let name = (try? lookUpUser(uid: uid))?.name
        let lingers = name.map { access("/var/lib/systemd/linger/\($0)", F_OK) == 0 } ?? false
        return RuntimeDirectory(uid: uid, environment: environment, lingers: lingers)
    }

    /// Where a server that is started now keeps its instance directory. Never bare /tmp: another user could be there
    /// first, and tmp cleaners remove sockets.
    package func forNewInstance() throws(ControlError) -> String {
        if let directory = override { return directory }
        if uid == 0 { return RuntimeDirectory.system }
        if lingers, let directory = value("XDG_RUNTIME_DIR") { return "\(directory)/passenger" }
        guard let home = value("HOME") else {
            throw ControlError(
                .usage, "There is no place for sockets: neither HOME nor XDG_RUNTIME_DIR is set.",
                hint: "Set PASSENGER_RUNTIME_DIR to a directory of your own.")
        }
        return "\(home)/.local/state/passenger/run"
    }

    /// Where commands look for running instances, the most likely first. A user's command also finds the system's
    /// instances; root's does not read what users wrote.
    package func searched() -> [String] {
        if let directory = override { return [directory] }
        var directories: [String] = []
        if uid != 0 {
            if let directory = value("XDG_RUNTIME_DIR") { directories.append("\(directory)/passenger") }
            if let home = value("HOME") { directories.append("\(home)/.local/state/passenger/run") }
        }
        return directories + [RuntimeDirectory.system]
    }

    /// The path of an instance's admin socket; refused here, at start, when the kernel would refuse to bind it.
    package static func adminSocket(in directory: String, instance: String) throws(ControlError) -> String {
        let path = "\(directory)/\(instance)/admin.sock"
        guard path.utf8.count <= longestSocketPath else {
            throw ControlError(
                .usage, "The socket path \(path) has \(path.utf8.count) bytes; \(longestSocketPath) is the limit.",
                hint: "Set PASSENGER_RUNTIME_DIR to a shorter directory.")
        }
        return path
    }

    private static let system = "/run/passenger"
    private var override: String? { value("PASSENGER_RUNTIME_DIR") }

    /// An empty variable is as good as none.
    private func value(_ name: String) -> String? {
        environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }
}
