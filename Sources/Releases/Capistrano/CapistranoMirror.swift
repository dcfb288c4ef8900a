import Glibc
import Linux

/// Where Capistrano has fetched from: `url` of the remote `origin` in the configuration of its mirror. Whoever deploys there may have
/// written anything into it, so it is a text of at most so many bytes, of which one value is taken; git's own reader of such files
/// knows `include`, and commands.
package enum CapistranoMirror {
    private static let repoName = FileName(literal: "repo")
    private static let configName = FileName(literal: "config")
    /// git writes some 300 bytes.
    static let maxBytes = 64 << 10
    private static let maxURLBytes = 2000

    package static func repository(_ path: String) throws(BuilderFailure) -> CapistranoRepository {
        try repository(of: Directory.openRoot(path))
    }

    static func repository(of root: borrowing Directory) throws(BuilderFailure) -> CapistranoRepository {
        guard let found = try root.status(repoName) else { return .none }
        let place = "repo/config"
        guard found.isDirectory else { return .unusable("repo is not a directory, and is not looked at") }
        let mirror = try root.openDirectory(repoName)
        guard let file = try mirror.status(configName) else { return .none }
        guard file.isRegularFile,
            let handle = try? openFile(
                configName.description, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
                directory: mirror.descriptor.number),
            let bytes = try? readAll(handle.number, limit: maxBytes)
        else { return .unusable("\(place) is not a file that can be read, and is not looked at") }
        guard let url = GitConfiguration(bytes).value("url", of: "remote \"origin\"") else { return .none }
        return judge(url, place)
    }

    /// A URL that `passenger deploy --repo` would take. One that is not is not shown either.
    static func judge(_ url: String, _ place: String = "repo/config") -> CapistranoRepository {
        // What begins with a dash would be an option of somebody's; a relative path means nothing here.
        let isPlain = !url.hasPrefix("-") && url.utf8.count <= maxURLBytes
        let isAddress = url.hasPrefix("/") || url.prefix { $0 != "/" }.contains(":")
        do throws(BuilderFailure) {
            guard isPlain, isAddress else { throw BuilderFailure(.invalidRequest, "") }
            _ = try RemoteURL(url)
            return .found(url)
        } catch {
            return .unusable("the repository in \(place) is none that can be fetched from: name one with --repo")
        }
    }
}

package enum CapistranoRepository: Codable, Sendable, Equatable {
    /// There is no mirror, or it says nothing.
    case none
    /// May hold credentials.
    case found(String)
    /// What is wrong with it, for a person.
    case unusable(String)

    package var url: String? {
        guard case .found(let url) = self else { return nil }
        return url
    }
}
