package import AdminAPI
import Glibc
import Linux

/// Where instances keep their sockets and records: `<runtime_dir>/<instance>/{instance.json, admin.sock}`. The server's
/// configuration decides where a new one goes; this is where commands look.
package struct InstanceDirectories: Sendable {
    private static let system = "/run/passenger"
    private let uid: UInt32
    private let environment: [String: String]

    package init(uid: UInt32, environment: [String: String]) {
        self.uid = uid
        self.environment = environment
    }

    /// The most likely first. A user's command also finds the system's instances; root's does not read what users wrote.
    package func searched() -> [String] {
        if let directory = value("PASSENGER_RUNTIME_DIR") { return [directory] }
        var directories: [String] = []
        if uid != 0 {
            if let directory = value("XDG_RUNTIME_DIR") { directories.append("\(directory)/passenger") }
            if let home = value("HOME") { directories.append("\(home)/.local/state/passenger/run") }
        }
        return directories + [InstanceDirectories.system]
    }

    /// The path of an instance's admin socket; refused at start, by its length, when the kernel would refuse to bind it.
    package static func adminSocket(in directory: String, instance: String) throws(ControlError) -> String {
        let path = "\(directory)/\(instance)/admin.sock"
        guard path.utf8.count <= longestSocketPath else {
            throw ControlError(
                .usage, "The socket path \(path) has \(path.utf8.count) bytes; \(longestSocketPath) is the limit.",
                hint: "Set PASSENGER_RUNTIME_DIR to a shorter directory.")
        }
        return path
    }

    /// An empty variable is as good as none.
    private func value(_ name: String) -> String? {
        environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }
}
