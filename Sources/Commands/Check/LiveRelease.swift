import Foundation
import Glibc
import Linux

/// The release that `current` of a deploy root leads to: what a server would start.
struct LiveRelease: Equatable {
    enum Search: Equatable {
        case found(LiveRelease)
        case nothing
        case broken(String)
    }

    var name: String
    var directory: String

    /// As any user that may look into the root: nothing of it is believed but where the link leads.
    static func find(in root: String) -> Search {
        let link = "\(root)/current"
        var facts = stat()
        guard lstat(link, &facts) == 0 else {
            return errno == ENOENT ? .nothing : .broken("\(link) cannot be looked at: \(SystemError.describe(errno))")
        }
        guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: link) else {
            return .broken("\(link) is not a link to a release")
        }
        let directory = target.hasPrefix("/") ? target : "\(root)/\(target)"
        guard access(directory, R_OK | X_OK) == 0 else {
            return .broken("\(link) leads to \(target): \(SystemError.describe(errno))")
        }
        return .found(LiveRelease(name: (directory as NSString).lastPathComponent, directory: directory))
    }
}
