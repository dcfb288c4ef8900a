import Glibc
import Linux

/// Where an app's `restart.txt` lies, and how it is looked at.
struct RestartPlace {
    let root: String
    /// Of the restart directory, relative to `root`; nil when it was given as an absolute path.
    private let relative: String?
    let path: String

    init(root: String, directory: String) {
        self.root = root
        relative = directory.hasPrefix("/") ? nil : directory
        path = directory.hasPrefix("/") ? directory : root + "/" + directory
    }

    /// Not `path/..`: that is nowhere while `path` is missing.
    var parent: String {
        let cut = path.lastIndex(of: "/") ?? path.startIndex
        return cut == path.startIndex ? "/" : String(path[..<cut])
    }

    /// Nil when there is no such file; a file that cannot be looked at is as good as none.
    func stamp() -> FileStamp? {
        var status = stat()
        guard stat(path + "/restart.txt", &status) == 0 else { return nil }
        let time = status.st_mtim
        return FileStamp(
            mtimeNanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec), inode: UInt64(status.st_ino),
            size: Int64(status.st_size))
    }

    /// Whether changes of the code ask for a restart while it lies there.
    var hasAlwaysRestart: Bool { access(path + "/always_restart.txt", F_OK) == 0 }

    /// Beneath the root, through no symbolic link: the text is ours, its place must be what was configured. Where there is no restart
    /// directory nobody looks for it: the app's code has changed, and restart.txt was never used.
    func writeResult(_ text: String) throws(SystemError) {
        guard access(path, F_OK) == 0 else { return }
        let flags = O_RDONLY | O_DIRECTORY
        guard let relative else {
            let directory = try openFile(path, flags: flags | O_NOFOLLOW)
            return try write(text, directory.number)
        }
        let base = try openFile(root, flags: flags)
        let directory = try openBeneath(base.number, relative, flags: flags, mode: 0)
        try write(text, directory.number)
    }

    private func write(_ text: String, _ directory: Int32) throws(SystemError) {
        try writeFileAtomically(directory: directory, name: "restart.result", bytes: Array(text.utf8), mode: 0o644)
    }
}
