internal import CLinux
internal import Glibc

/// open(2), close-on-exec. `directory` is a directory descriptor for relative paths; nil is the current directory.
package func openFile(
    _ path: String, flags: Int32, mode: UInt32 = 0o600, directory: Int32? = nil
) throws(SystemError) -> Descriptor {
    Descriptor(owning: try checked("open", path) { cl_openat(directory ?? AT_FDCWD, path, flags, mode) })
}

/// A descriptor that names a file without opening it (O_PATH): to execute it, or as a place to start from.
package func openPath(_ path: String) throws(SystemError) -> Descriptor {
    Descriptor(owning: try checked("open", path) { cl_open_path(path) })
}

/// Opens below `directory` and nowhere else: no component may be a symbolic link or lead out
/// (openat2(2), RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS).
package func openBeneath(
    _ directory: Int32, _ path: String, flags: Int32, mode: UInt32 = 0o600
) throws(SystemError) -> Descriptor {
    Descriptor(owning: try checked("openat2", path) { cl_openat_beneath(directory, path, flags, mode) })
}

/// Everything up to the end of the file, from where the descriptor stands; EFBIG past `limit`.
package func readAll(_ fd: Int32, limit: Int) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
        let room = min(64 << 10, limit - bytes.count + 1)
        let chunk = try readSome(fd, limit: room)
        if chunk.isEmpty { return bytes }
        bytes += chunk
        guard bytes.count <= limit else { throw SystemError(call: "read", errno: EFBIG) }
    }
}

/// What one read(2) gives; empty at the end. EAGAIN is thrown like every other failure.
package func readSome(_ fd: Int32, limit: Int) throws(SystemError) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: limit)
    let count = try checked("read") { read(fd, &buffer, limit) }
    buffer.removeLast(limit - count)
    return buffer
}

/// The next read begins at the file's first byte, also of whoever shares the descriptor's position.
package func seekToStart(_ fd: Int32) throws(SystemError) {
    _ = try checked("lseek") { Int32(clamping: lseek(fd, 0, SEEK_SET)) }
}

/// Everything of a file, whatever its descriptor's position is, so that a memory file can be read by several processes
/// that share one.
package func readWholeFile(_ fd: Int32, limit: Int) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = try checked("pread") { pread(fd, &buffer, buffer.count, off_t(bytes.count)) }
        if count == 0 { return bytes }
        bytes += buffer[..<count]
        guard bytes.count <= limit else { throw SystemError(call: "pread", errno: EFBIG) }
    }
}

package func readFile(_ path: String, limit: Int = 1 << 20) throws(SystemError) -> [UInt8] {
    let file = try openFile(path, flags: O_RDONLY)
    return try readAll(file.number, limit: limit)
}

/// Writes all of it. A non-blocking descriptor that is full throws EAGAIN with an unknown part written.
package func writeAll(_ fd: Int32, _ bytes: [UInt8]) throws(SystemError) {
    var done = 0
    while done < bytes.count {
        done += try checked("write") {
            bytes.withUnsafeBytes { write(fd, $0.baseAddress! + done, bytes.count - done) }
        }
    }
}

/// A file in memory. `sealed`: nobody who gets it, however privileged, can change or shorten it.
package func makeMemoryFile(
    name: String, contents: [UInt8], sealed: Bool = true
) throws(SystemError) -> Descriptor {
    let file = Descriptor(owning: try checked("memfd_create", name) { cl_memfd_create(name, sealed ? 1 : 0) })
    try writeAll(file.number, contents)
    _ = try checked("lseek") { lseek(file.number, 0, SEEK_SET) }
    if sealed { _ = try checked("fcntl F_ADD_SEALS", name) { cl_memfd_seal(file.number) } }
    return file
}

/// Replaces `name` in a directory so that a reader sees the old or the new content and nothing else; `syncs`: a power cut too.
package func writeFileAtomically(
    directory: Int32, name: String, bytes: [UInt8], mode: UInt32, syncs: Bool = true
) throws(SystemError) {
    var random: UInt64 = UInt64.random(in: 0 ... .max)
    random &= 0xFFFF_FFFF
    let temporary = ".\(name).\(getpid()).\(String(random, radix: 16))"
    let file = try openFile(
        temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode, directory: directory)
    do throws(SystemError) {
        try writeAll(file.number, bytes)
        // The mode of open(2) is cut by the umask.
        _ = try checked("fchmod", name) { fchmod(file.number, mode_t(mode)) }
        if syncs { _ = try checked("fsync", name) { fsync(file.number) } }
        _ = try checked("rename", name) { renameat(directory, temporary, directory, name) }
    } catch {
        unlinkat(directory, temporary, 0)
        throw error
    }
    if syncs { _ = try checked("fsync") { fsync(directory) } }
}

package func writeFileAtomically(
    directory path: String, name: String, bytes: [UInt8], mode: UInt32, syncs: Bool = true
) throws(SystemError) {
    let directory = try openFile(path, flags: O_RDONLY | O_DIRECTORY)
    try writeFileAtomically(directory: directory.number, name: name, bytes: bytes, mode: mode, syncs: syncs)
}

/// Writes all that waits on the descriptor's file system to disk, and reports what could not be written (syncfs(2)).
package func syncFileSystem(_ fd: Int32) throws(SystemError) { _ = try checked("syncfs") { cl_syncfs(fd) } }

/// Makes an empty file share all extents of another: a copy that copies nothing, where the file system can (ioctl_ficlone(2)).
package func cloneFile(_ fd: Int32, from source: Int32) throws(SystemError) {
    _ = try checked("FICLONE") { cl_clone_file(fd, source) }
}

/// The first `count` bytes of a file, if all of them are in memory already (RWF_NOWAIT, preadv2(2)); nil otherwise.
package func readCached(_ fd: Int32, count: Int) -> [UInt8]? {
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        guard let start = buffer.baseAddress else { return }
        filled = max(0, cl_read_cached(fd, start, count))
    }
    return bytes.count == count ? bytes : nil
}

/// Whether the file system is a local one that moves a file's ctime with each change: ext2 to ext4, XFS, Btrfs.
package func hasExactChangeTimes(_ fd: Int32) -> Bool { cl_has_exact_ctime(fd) == 1 }

/// Names in a directory, without `.` and `..`.
package func directoryEntries(_ directory: Int32) throws(SystemError) -> [String] {
    // fdopendir(3) takes its descriptor over, and shares the position with its duplicates: open it anew.
    let copy = try openFile(".", flags: O_RDONLY | O_DIRECTORY, directory: directory)
    let number = copy.release()
    guard let stream = fdopendir(number) else {
        close(number)
        throw SystemError(call: "fdopendir")
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = entryName(entry)
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}

/// Removes everything in a directory, whoever may be changing it meanwhile: through descriptors, following no link. A
/// tree deeper than `deepest` stays, and so does what cannot be removed.
package func emptyDirectory(_ directory: Int32, deepest: Int = 6) {
    guard deepest > 0, let names = try? directoryEntries(directory) else { return }
    for name in names { removeTree(directory, name, deepest: deepest) }
}

/// The same for one entry, of any kind.
package func removeTree(_ directory: Int32, _ name: String, deepest: Int = 6) {
    if unlinkat(directory, name, 0) == 0 { return }
    if let child = try? openFile(name, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW, directory: directory) {
        emptyDirectory(child.number, deepest: deepest - 1)
    }
    unlinkat(directory, name, AT_REMOVEDIR)
}

func entryName(_ entry: UnsafeMutablePointer<dirent>) -> String {
    withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
}

/// The text of a symbolic link, such as those of /proc/PID/fd. Nil when it is none or cannot be read.
package func readLink(_ path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = readlink(path, &buffer, buffer.count)
    return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
}
