import Glibc
import Linux

/// Opens files for a core that may not read them itself: those of the plan and no others.
struct ReadableFiles {
    /// Certificates are a few KiB; a path that leads to a disk or a dump by mistake is not handed out.
    static let largest = 1 << 20

    private let paths: Set<String>

    init(paths: [String]) { self.paths = Set(paths) }

    func open(_ path: String) throws(SystemError) -> Descriptor {
        guard paths.contains(path) else { throw SystemError(call: "open", errno: EPERM, subject: path) }
        // Links are followed, as renewals are often links that change. Not blocking: it might be a FIFO.
        let file = try openFile(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        var status = stat()
        guard fstat(file.number, &status) == 0 else { throw SystemError(call: "fstat", subject: path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError(call: "open", errno: EINVAL, subject: path) }
        guard status.st_size <= Self.largest else { throw SystemError(call: "open", errno: EFBIG, subject: path) }
        return file
    }
}
