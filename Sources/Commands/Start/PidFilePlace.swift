import Foundation
import Glibc
import Linux
import Model

/// The place of the standard pid file, `tmp/pids` of the app: made when it is missing. Where it cannot be, the server runs
/// without; but a file that was asked for must be written, or the start fails.
enum PidFilePlace {
    /// A warning when there will be no file.
    static func prepare(_ server: inout ServerSettings, isAskedFor: Bool) -> String? {
        guard let path = server.pidFile, !isAskedFor else { return nil }
        let directory = (path as NSString).deletingLastPathComponent
        do {
            // One that is there keeps its mode.
            if access(directory, F_OK) != 0 { try InstanceFiles.make(directory, mode: 0o755) }
            guard access(directory, W_OK) == 0 else {
                throw SystemError(call: "access", errno: errno, subject: directory)
            }
            return nil
        } catch {
            server.pidFile = nil
            return "no pid file is written: \(error) (set 'pid_file' to another place)"
        }
    }
}
