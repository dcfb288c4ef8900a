import Glibc
import Linux

/// The code of one app: its directory with what lies in it, by inotify(7). Links are not followed. A file system on which changes
/// come from another machine tells nothing here; restart.txt is looked at by the clock, too.
final class SourceWatch {
    /// So many directories are watched of one app; the kernel keeps about a kilobyte for each.
    static let limit = 4096
    private static let mask: Inotify.Mask = [
        .created, .closedAfterWrite, .movedTo, .movedFrom, .deleted, .onlyDirectory,
    ]

    private let inotify: Inotify
    private var paths: [Int32: String] = [:]
    /// Whether some of it is not watched: there are too many directories, or the user has no watches left.
    private(set) var isPartial = false

    init(root: String) throws(SystemError) {
        inotify = try Inotify()
        // The app's directory itself may be named by a link.
        add(root + "/.")
    }

    /// Readable while something may have changed.
    var number: Int32 { inotify.number }

    /// What has changed, one name of it; nil: nothing that counts.
    func change() throws(SystemError) -> String? {
        var changed: String?
        for event in try inotify.read() {
            if event.mask.contains(.overflowed) {
                changed = changed ?? "many files"
                // What came in the meantime is watched from here on; what is watched already stays.
                for path in Array(paths.values) { add(path) }
            }
            if event.mask.contains(.ignored) { paths[event.watch] = nil }
            guard let directory = paths[event.watch], !event.name.isEmpty else { continue }
            if event.mask.contains(.isDirectory) {
                guard SourceNames.countsDirectory(event.name, in: name(of: directory)) else { continue }
                let path = "\(directory)/\(event.name)"
                // Wherever it went, what happens there is not this app's any more, or comes with its new name.
                if event.mask.contains(.movedFrom) { forget(path) }
                if event.mask.contains(.created) || event.mask.contains(.movedTo) { add(path) }
            } else if !SourceNames.countsFile(event.name) {
                continue
            }
            changed = changed ?? SourceNames.shown(event.name)
        }
        return changed
    }

    /// With what lies below it. What has come into a new directory before it was watched came with it.
    private func add(_ root: String) {
        var waiting = [root]
        while let path = waiting.popLast() {
            guard paths.count < SourceWatch.limit else { return isPartial = true }
            do throws(SystemError) {
                paths[try inotify.add(path, SourceWatch.mask.union(.noFollow))] = path
                let directory = try openFile(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                for entry in try directoryEntries(directory.number)
                where SourceNames.countsDirectory(entry, in: name(of: path)) {
                    let below = "\(path)/\(entry)"
                    if isDirectory(below) { waiting.append(below) }
                }
            } catch {
                // One that has gone by now is no loss.
                isPartial = isPartial || isDirectory(path)
            }
        }
    }

    private func forget(_ root: String) {
        for (watch, path) in paths where path == root || path.hasPrefix(root + "/") {
            paths[watch] = nil
            try? inotify.remove(watch)  // it may be gone by itself
        }
    }

    private func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private func name(of path: String) -> String {
        path.split(separator: "/").last { $0 != "." }.map(String.init) ?? ""
    }
}
