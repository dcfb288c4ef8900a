import Glibc
import Linux

extension Directory {
    /// Every entry but `.` and `..`, in no order.
    func entries() throws(BuilderFailure) -> [FileName] {
        // A descriptor of its own: the stream closes it, and its position must not be shared.
        let number = openat(descriptor.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw .system(errno, "list \(path)", path: path) }
        guard let stream = fdopendir(number) else {
            let error = errno
            close(number)
            throw .system(error, "list \(path)", path: path)
        }
        defer { closedir(stream) }
        var names: [FileName] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw .system(errno, "list \(path)", path: path) }
                return names
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: UInt8.self, capacity: 256) { bytes in
                    FileName(
                        UnsafeBufferPointer(
                            start: bytes, count: strlen(UnsafeRawPointer(bytes).assumingMemoryBound(to: CChar.self))))
                }
            }
            if let name { names.append(name) }
        }
    }

    /// Deletes an entry and all that is beneath it. Goes on past what cannot be deleted, and then throws the first reason.
    func removeTree(_ name: FileName, depth: Int = 0) throws(BuilderFailure) {
        guard let found = try status(name) else { return }
        guard found.isDirectory else { return try removeFile(name) }
        guard depth < Directory.maxDepth else {
            throw BuilderFailure(.inputOutput, "cannot delete \(join(name)): directories too deep", path: join(name))
        }
        var firstFailure: BuilderFailure?
        do throws(BuilderFailure) {
            // A build may have left directories that even their owner may not write in.
            _ = name.withCString { fchmodat(descriptor.number, $0, 0o700, 0) }
            let inner = try openDirectory(name)
            for entry in try inner.entries() {
                do throws(BuilderFailure) {
                    try inner.removeTree(entry, depth: depth + 1)
                } catch {
                    firstFailure = firstFailure ?? error
                }
            }
        } catch {
            firstFailure = error
        }
        if let firstFailure { throw firstFailure }
        try removeDirectory(name)
    }

    /// One descriptor is open per level.
    static let maxDepth = 400
}
