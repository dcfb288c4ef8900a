import Glibc
import Linux

/// An open directory, and what is done to the entries in it. Symbolic links are never followed.
struct Directory: ~Copyable {
    let descriptor: Descriptor
    /// Where it was opened: for messages only, nothing is ever looked up by it.
    let path: String

    private init(descriptor: consuming Descriptor, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Opens a deploy root. Links *above* it are the administrator's business and are followed.
    static func openRoot(_ path: String) throws(BuilderFailure) -> Directory {
        let number = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw .system(errno, "open \(path)", path: path) }
        return Directory(descriptor: Descriptor(owning: number), path: path)
    }

    /// Opens a directory in this one; a link in its place is an error.
    func openDirectory(_ name: FileName) throws(BuilderFailure) -> Directory {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        let number = name.withCString { openat(descriptor.number, $0, flags) }
        guard number >= 0 else { throw .system(errno, "open directory \(join(name))", path: join(name)) }
        return Directory(descriptor: Descriptor(owning: number), path: join(name))
    }

    /// The same directory, open once more.
    func reopened() throws(BuilderFailure) -> Directory { try Directory.reopening(descriptor.number, path: path) }

    /// A directory that another thread has open.
    static func reopening(_ descriptor: Int32, path: String) throws(BuilderFailure) -> Directory {
        let number = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw .system(errno, "open \(path)", path: path) }
        return Directory(descriptor: Descriptor(owning: number), path: path)
    }

    /// The descriptor alone.
    consuming func intoDescriptor() -> Descriptor { descriptor }

    /// False when something of that name is there already.
    @discardableResult
    func makeDirectory(_ name: FileName, mode: mode_t = 0o755) throws(BuilderFailure) -> Bool {
        if name.withCString({ mkdirat(descriptor.number, $0, mode) }) == 0 { return true }
        guard errno == EEXIST else { throw .system(errno, "make directory \(join(name))", path: join(name)) }
        return false
    }

    /// Nil when there is nothing of that name. A link is reported as a link.
    func status(_ name: FileName) throws(BuilderFailure) -> stat? {
        var result = stat()
        if name.withCString({ fstatat(descriptor.number, $0, &result, AT_SYMLINK_NOFOLLOW) }) == 0 { return result }
        guard errno == ENOENT else { throw .system(errno, "look at \(join(name))", path: join(name)) }
        return nil
    }

    /// Creates a file that must not exist yet, with exactly this mode whatever the umask is. Not flushed. Returns its status.
    @discardableResult
    func createFile(
        _ name: FileName, mode: mode_t, contents: UnsafeRawBufferPointer
    ) throws(BuilderFailure) -> stat {
        let file = try create(name, mode: mode)
        var written = 0
        while written < contents.count {
            let count = write(file.number, contents.baseAddress! + written, contents.count - written)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .system(errno, "write \(join(name))", path: join(name)) }
            written += count
        }
        return try finish(file, name, mode: mode, bytes: contents.count)
    }

    enum CloneOutcome {
        case cloned(stat)
        /// Not this file; it was removed again.
        case refused
        /// The file system cannot do it, or not between these two places.
        case unsupported
    }

    /// As `createFile`, with all the contents of another open file, whose extents it shares (`Linux.cloneFile`).
    func cloneFile(_ name: FileName, mode: mode_t, from original: Int32) throws(BuilderFailure) -> CloneOutcome {
        let file = try create(name, mode: mode)
        do throws(SystemError) {
            try Linux.cloneFile(file.number, from: original)
        } catch {
            try removeFile(name)
            switch error.errno {
            case ENOSPC, EDQUOT, EIO: throw .system(error.errno, "write \(join(name))", path: join(name))
            case EOPNOTSUPP, ENOTTY, ENOSYS, EXDEV, EINVAL: return .unsupported
            default: return .refused
            }
        }
        return .cloned(try finish(file, name, mode: mode, bytes: nil))
    }

    /// Creates a file with the contents of another open file of this size: a clone where the file system can, otherwise a copy.
    func copyFile(_ name: FileName, mode: mode_t, from original: Int32, bytes: Int) throws(BuilderFailure) {
        if case .cloned(let status) = try cloneFile(name, mode: mode, from: original) {
            guard Int(status.st_size) == bytes else { throw .system(EIO, "write \(join(name))", path: join(name)) }
            return
        }
        let file = try create(name, mode: mode)
        do throws(SystemError) {
            while true {
                let part = try readSome(original, limit: 1 << 20)
                if part.isEmpty { break }
                try writeAll(file.number, part)
            }
        } catch {
            throw .system(error.errno, "write \(join(name))", path: join(name))
        }
        _ = try finish(file, name, mode: mode, bytes: bytes)
    }

    private func create(_ name: FileName, mode: mode_t) throws(BuilderFailure) -> Descriptor {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let number = name.withCString { openat(descriptor.number, $0, flags, mode) }
        guard number >= 0 else { throw .system(errno, "create \(join(name))", path: join(name)) }
        return Descriptor(owning: number)
    }

    private func finish(
        _ file: consuming Descriptor, _ name: FileName, mode: mode_t, bytes: Int?
    ) throws(BuilderFailure) -> stat {
        var result = stat()
        var status = fstat(file.number, &result)
        // The umask took something away, or the directory's default access list said otherwise.
        if status == 0, result.st_mode & 0o7777 != mode {
            status = fchmod(file.number, mode)
            if status == 0 { status = fstat(file.number, &result) }
        }
        guard status == 0 else { throw .system(errno, "write \(join(name))", path: join(name)) }
        guard bytes == nil || Int(result.st_size) == bytes else {
            throw .system(EIO, "write \(join(name))", path: join(name))
        }
        // Network file systems report a full disk only here.
        guard close(file.release()) == 0 || errno == EINTR else {
            throw .system(errno, "write \(join(name))", path: join(name))
        }
        return result
    }

    func makeLink(_ name: FileName, target: [UInt8]) throws(BuilderFailure) {
        let target = target.map { CChar(bitPattern: $0) } + [0]
        let status = name.withCString { symlinkat(target, descriptor.number, $0) }
        guard status == 0 else { throw .system(errno, "make link \(join(name))", path: join(name)) }
    }

    func readLink(_ name: FileName) throws(BuilderFailure) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = name.withCString { readlinkat(descriptor.number, $0, &buffer, buffer.count) }
        guard count >= 0 else { throw .system(errno, "read link \(join(name))", path: join(name)) }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Atomic: whoever looks sees the old entry or the new one.
    func rename(_ name: FileName, to newName: FileName, in target: borrowing Directory) throws(BuilderFailure) {
        let (from, to) = (descriptor.number, target.descriptor.number)
        let status = name.withCString { old in newName.withCString { new in renameat(from, old, to, new) } }
        guard status == 0 else {
            throw .system(errno, "rename \(join(name)) to \(target.join(newName))", path: target.join(newName))
        }
    }

    func removeFile(_ name: FileName) throws(BuilderFailure) {
        guard name.withCString({ unlinkat(descriptor.number, $0, 0) }) == 0 else {
            throw .system(errno, "delete \(join(name))", path: join(name))
        }
    }

    func removeDirectory(_ name: FileName) throws(BuilderFailure) {
        guard name.withCString({ unlinkat(descriptor.number, $0, AT_REMOVEDIR) }) == 0 else {
            throw .system(errno, "delete \(join(name))", path: join(name))
        }
    }

    /// Makes the names in this directory survive a power loss.
    func sync() throws(BuilderFailure) {
        guard fsync(descriptor.number) == 0 else { throw .system(errno, "flush \(path)", path: path) }
    }

    /// Makes everything on this directory's file system survive a power loss. One call for a whole tree: for a
    /// thousand small files it took 0.05 s where fsync for each took 3 to 6 (ext4, a busy machine).
    func flushFileSystem() throws(BuilderFailure) {
        do throws(SystemError) {
            try syncFileSystem(descriptor.number)
        } catch {
            throw .system(error.errno, "flush \(path)", path: path)
        }
    }

    func join(_ name: FileName) -> String { "\(path)/\(name)" }
}

extension stat {
    var isDirectory: Bool { st_mode & S_IFMT == S_IFDIR }
    var isLink: Bool { st_mode & S_IFMT == S_IFLNK }
    var isRegularFile: Bool { st_mode & S_IFMT == S_IFREG }
}
