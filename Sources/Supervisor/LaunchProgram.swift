import Glibc
import Linux

/// `passenger-launch`, of the version that this process is. A package manager takes away a version's files before the server is
/// asked to become the next version, and perhaps it never does: until then children are started by what is held here.
final class LaunchProgram {
    private let path: String
    /// None when it was not there to begin with, which the first launch tells.
    private let held: Descriptor?

    init(path: String) {
        self.path = path
        held = try? openPath(path)
    }

    /// As `spawnProcess` does.
    func spawn(arguments: [String], environment: [String] = [], moves: [DescriptorMove]) throws(SystemError) -> Int32 {
        do throws(SystemError) {
            return try spawnProcess(path: path, arguments: arguments, environment: environment, moves: moves)
        } catch {
            guard error.errno == ENOENT, let number = heldNumber else { throw error }
            // Ours, not the child's own: there it has been closed by then.
            return try spawnProcess(
                path: "/proc/\(getpid())/fd/\(number)", arguments: arguments, environment: environment, moves: moves)
        }
    }

    private var heldNumber: Int32? {
        switch held {
        case .some(let descriptor): descriptor.number
        case .none: nil
        }
    }
}
