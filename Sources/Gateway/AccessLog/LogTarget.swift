internal import Glibc
internal import Linux

/// Where the lines go.
package enum AccessLogTarget: Equatable, Sendable {
    /// A file that is appended to, made when it is not there (0640 less the umask); or a FIFO. A symbolic link is refused:
    /// who may write the log's directory could make us append to any file.
    case file(String)
    /// A descriptor that this process has anyway, such as standard output. It is never reopened.
    case inherited(Int32)

    /// `/dev/stdout` and `/dev/stderr` are links, and mean what the process has.
    package init(path: String) {
        switch path {
        case "/dev/stdout": self = .inherited(1)
        case "/dev/stderr": self = .inherited(2)
        default: self = .file(path)
        }
    }

    /// Longest piece that is written at once. Into a pipe that others share and that is said to be writable, this much goes
    /// without blocking (PIPE_BUF, pipe(7)); a descriptor of our own does not block anyhow.
    var longestWrite: Int { if case .inherited = self { 4096 } else { 256 << 10 } }

    /// Others have the same open file: it must not be made non-blocking, and is asked before each write.
    var isShared: Bool { if case .inherited = self { true } else { false } }

    func open() throws(SystemError) -> Descriptor {
        switch self {
        case .inherited(let number): return try duplicateDescriptor(number)
        case .file(let path):
            var facts = stat()
            // Opened for reading too, a FIFO needs no reader, and does not end when its reader goes.
            let isFIFO = lstat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFIFO
            let access = isFIFO ? O_RDWR : O_WRONLY
            return try openFile(
                path, flags: access | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode: 0o640)
        }
    }
}
