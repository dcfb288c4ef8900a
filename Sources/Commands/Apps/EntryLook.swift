import AppConfig
import Glibc
import Linux
import Watching

/// One entry of a directory of apps: an app's directory, a deploy root, or a link to one.
enum EntryLook {
    private static let mostLinks = 8

    /// Nil for what is neither a directory nor a link.
    static func look(at name: String, in directory: String, startedAsRoot: Bool) -> AppsDirectoryState.Look? {
        var places = ["\(directory)/\(name)"]
        var status = stat()
        guard lstat(places[0], &status) == 0 else { return .unreachable(SystemError.describe(errno)) }
        guard [S_IFDIR, S_IFLNK].contains(status.st_mode & S_IFMT) else { return nil }
        while places.count <= mostLinks, let target = readLink(places[places.count - 1]) {
            let last = places[places.count - 1]
            let parent = last.prefix(through: last.lastIndex(of: "/") ?? last.startIndex)
            places.append(target.hasPrefix("/") ? target : String(parent) + target)
        }
        let location = AppLocation.detect(entry: places[places.count - 1])
        guard stat(location.path, &status) == 0 else {
            return .unreachable("\(location.path): \(SystemError.describe(errno))")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return .other("\(location.path) is not a directory") }
        let objection = startedAsRoot ? objection(places + [location.path], owner: status.st_uid) : nil
        return .app(
            .init(
                path: location.path, isDeployRoot: location.isDeployRoot, owner: status.st_uid, objection: objection,
                identity: .init(status), isEmpty: isEmpty(location.path)))
    }

    /// Whoever can put another directory at one of the places would have its owner's rights. The links that lead there
    /// count as much as the directory.
    private static func objection(_ places: [String], owner: UInt32) -> String? {
        guard owner != 0, let last = places.last else { return nil }
        var all = places
        if let real = realpath(last, nil) {
            all.append(String(cString: real))
            free(real)
        }
        for place in all {
            if let objection = PathTrust.objection(to: place, user: owner) {
                return "it belongs to uid \(owner), but \(objection), who could put another app there"
            }
        }
        return nil
    }

    private static func isEmpty(_ path: String) -> Bool {
        guard let handle = try? openFile(path, flags: O_RDONLY | O_DIRECTORY),
            let names = try? directoryEntries(handle.number)
        else { return false }
        return names.isEmpty
    }
}

extension AppsDirectoryState.Identity {
    init(_ status: stat) { self.init(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)) }
}
