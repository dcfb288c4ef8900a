internal import Glibc
package import Linux

/// What tells one state of a file from another. Compared for difference only: a renewal may bring an older file.
package struct FileStamp: Equatable, Sendable {
    package var device: UInt64
    package var inode: UInt64
    package var size: Int64
    package var modified: Int64
    /// Catches what keeps size and mtime: `cp -p` over the file, a write within one tick of the clock.
    package var changed: Int64
    /// Permission bits.
    package var mode: UInt32

    package init(device: UInt64, inode: UInt64, size: Int64, modified: Int64, changed: Int64, mode: UInt32) {
        self.device = device
        self.inode = inode
        self.size = size
        self.modified = modified
        self.changed = changed
        self.mode = mode
    }

    init(_ facts: stat) {
        self.init(
            device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino), size: Int64(facts.st_size),
            modified: Self.nanoseconds(facts.st_mtim), changed: Self.nanoseconds(facts.st_ctim),
            mode: UInt32(facts.st_mode) & 0o7777)
    }

    /// Of a file that is open.
    package init(descriptor: Int32) throws(SystemError) {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw SystemError(call: "fstat") }
        self.init(facts)
    }

    /// Wraps rather than traps: the time in an inode is whatever someone set it to.
    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    package var isReadableByOthers: Bool { mode & 0o004 != 0 }
}

/// Where certificates and keys come from. The core may be a user that cannot read keys: then whoever can gives their bytes.
///
/// Called on one thread at a time, never on an event loop: it may block.
package protocol CertificateSource: Sendable {
    /// Follows symbolic links, so that a link to another file is a difference.
    func stamp(_ path: String) throws(SystemError) -> FileStamp
    /// The stamp is of the bytes' file, taken before they were read: what is written meanwhile shows as a difference at
    /// the next look. EFBIG past `limit` bytes.
    func read(_ path: String, limit: Int) throws(SystemError) -> (bytes: [UInt8], stamp: FileStamp)
}

/// Reads the files itself.
package struct CertificateDirectory: CertificateSource {
    package init() {}

    package func stamp(_ path: String) throws(SystemError) -> FileStamp {
        var facts = stat()
        guard stat(path, &facts) == 0 else { throw SystemError(call: "stat", subject: path) }
        return FileStamp(facts)
    }

    package func read(_ path: String, limit: Int) throws(SystemError) -> (bytes: [UInt8], stamp: FileStamp) {
        // Non-blocking: a FIFO in the file's place must not stop whoever reloads.
        let file = try openFile(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        var facts = stat()
        guard fstat(file.number, &facts) == 0 else { throw SystemError(call: "fstat", subject: path) }
        guard facts.st_mode & S_IFMT == S_IFREG else { throw SystemError(call: "read", errno: EINVAL, subject: path) }
        return (try readAll(file.number, limit: limit), FileStamp(facts))
    }
}
