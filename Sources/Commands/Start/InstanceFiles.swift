import AdminClient
import AppConfig
import Foundation
import Glibc
import Linux
import Model

/// The directories that a server needs, made before any right is given up, each with its owner and mode from birth.
struct InstanceFiles {
    var directory: String
    /// Workers' sockets: the core's own, nobody else may enter.
    var sockets: String
    var adminSocket: String
    var loaders: String

    /// Of a server that runs.
    init(directory: String, sockets: String, adminSocket: String, loaders: String) {
        self.directory = directory
        self.sockets = sockets
        self.adminSocket = adminSocket
        self.loaders = loaders
    }

    init(server: ServerSettings, users: StartUsers, library: LibraryPaths) throws {
        let runtime = server.runtimeDirectory
        adminSocket = try InstanceDirectories.adminSocket(in: runtime, instance: server.instanceName)
        directory = "\(runtime)/\(server.instanceName)"
        sockets = "\(directory)/sockets"
        let longest = "\(sockets)/w4294967295.app.sock"
        guard longest.utf8.count <= longestSocketPath else {
            throw StartError(
                "runtime_dir \(runtime) is too long for socket paths",
                hint: "Set PASSENGER_RUNTIME_DIR to a shorter one.",
                exitCode: 2)
        }
        try Self.make(runtime, mode: 0o755)
        let handle = try Self.enter(directory, of: users.core)
        try StartClaim.take(handle, instance: server.instanceName)
        // Ours until everything is in it: the core's user could put a link in the place of what is written here.
        guard fchown(handle.number, geteuid(), getegid()) == 0, fchmod(handle.number, 0o755) == 0 else {
            throw SystemError(call: "chown", errno: errno, subject: directory)
        }
        try Self.make(sockets, mode: 0o700, owner: users.core)
        // An app's user may not be able to reach the place where the program lies; nor may a new installation change
        // the loaders of a server that runs.
        loaders = "\(directory)/loaders"
        removeTree(handle.number, "loaders")
        try Self.copyTree(library.loaders, to: loaders)
        if let core = users.core { try Self.open(handle.number, for: core, path: directory) }
    }

    /// Of another version, for a server that runs. Those that neither version has any use for are removed.
    static func copyLoaders(of library: LibraryPaths, into directory: String, beside running: String) throws -> String {
        let handle = try openFile(directory, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        for name in try directoryEntries(handle.number)
        where name.hasPrefix("loaders") && "\(directory)/\(name)" != running {
            removeTree(handle.number, name)
        }
        // Nobody else can have made it before, or make another of it: the directory is sticky.
        let target = "\(directory)/loaders.\(UInt64.random(in: 0 ... .max))"
        guard mkdir(target, 0o755) == 0 else { throw SystemError(call: "mkdir", errno: errno, subject: target) }
        try copyTree(library.loaders, to: target)
        return target
    }

    /// Makes the directory, or opens one that an earlier server left, or one that runs has.
    private static func enter(_ path: String, of owner: PolicyUser?) throws -> Descriptor {
        if mkdir(path, 0o755) != 0, errno != EEXIST { throw SystemError(call: "mkdir", errno: errno, subject: path) }
        let handle = try openFile(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        var status = stat()
        fstat(handle.number, &status)
        guard status.st_uid == geteuid() || status.st_uid == owner?.uid else {
            throw StartError("\(path) belongs to uid \(status.st_uid)", hint: "Remove it, or choose another directory.")
        }
        return handle
    }

    /// Sticky and still ours: the core can add its record and replace that, but not the loaders and the admin socket.
    private static func open(_ directory: Int32, for core: PolicyUser, path: String) throws {
        guard fchown(directory, geteuid(), core.gid) == 0, fchmod(directory, 0o1775) == 0 else {
            throw SystemError(call: "chown", errno: errno, subject: path)
        }
    }

    /// Makes a directory, or checks that the one that is there is no trap: a real directory of the right owner.
    static func make(_ path: String, mode: mode_t, owner: PolicyUser? = nil) throws {
        let parent = (path as NSString).deletingLastPathComponent
        if parent != "/", access(parent, F_OK) != 0 { try make(parent, mode: 0o755) }
        if mkdir(path, mode) != 0, errno != EEXIST { throw SystemError(call: "mkdir", errno: errno, subject: path) }
        let handle = try openFile(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        var status = stat()
        fstat(handle.number, &status)
        let wanted = owner?.uid ?? geteuid()
        guard status.st_uid == geteuid() || status.st_uid == wanted || geteuid() == 0 && status.st_uid == 0 else {
            throw StartError("\(path) belongs to uid \(status.st_uid)", hint: "Remove it, or choose another directory.")
        }
        if let owner, fchown(handle.number, owner.uid, owner.gid) != 0 {
            throw SystemError(call: "chown", errno: errno, subject: path)
        }
        if status.st_uid == geteuid() || geteuid() == 0 { fchmod(handle.number, mode) }
    }

    /// Regular files only, readable to all.
    private static func copyTree(_ source: String, to target: String) throws {
        let files = FileManager.default
        try make(target, mode: 0o755)
        for name in try files.subpathsOfDirectory(atPath: source)
        where !name.hasPrefix("test") && !name.contains("/test") {
            var isDirectory: ObjCBool = false
            guard files.fileExists(atPath: "\(source)/\(name)", isDirectory: &isDirectory) else { continue }
            if isDirectory.boolValue {
                try make("\(target)/\(name)", mode: 0o755)
            } else {
                try files.copyItem(atPath: "\(source)/\(name)", toPath: "\(target)/\(name)")
                chmod("\(target)/\(name)", 0o644)
            }
        }
    }
}
