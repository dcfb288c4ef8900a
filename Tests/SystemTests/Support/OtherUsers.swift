import Foundation
import Glibc
import Linux
import Model
import Testing

/// Two users that every Debian has and nobody uses, one for an app and one for the neighbour who tries to get at it. Neither
/// is the core's.
enum OtherUsers {
    static let app = "games"
    static let stranger = "news"
    static let areThere = geteuid() == 0 && [app, stranger].allSatisfy { find($0) != nil }
    static let needed: Comment = "only root can switch users, to `games` and `news`"

    static func find(_ name: String) -> PolicyUser? { (try? lookUpUser(name: name)) ?? nil }

    static func own(_ path: String, by name: String) throws {
        let user = try #require(find(name))
        lchown(path, user.uid, user.gid)
        for name in FileManager.default.enumerator(atPath: path)?.compactMap({ $0 as? String }) ?? [] {
            lchown("\(path)/\(name)", user.uid, user.gid)
        }
    }

    /// A command line that runs as this user with none of root's groups.
    static func command(as name: String, _ arguments: [String]) throws -> [String] {
        let user = try #require(find(name))
        return ["setpriv", "--reuid=\(user.uid)", "--regid=\(user.gid)", "--clear-groups"] + arguments
    }
}
