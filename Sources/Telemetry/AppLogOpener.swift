import Glibc
import Linux

/// `passenger _open-log PATH`: opens an app's log as the app's user and hands the descriptor to the core, which has no
/// rights of its own in the app's directories and is not to write there by path.
package enum AppLogOpener {
    /// The end of a packet socket that the descriptor goes into.
    package static let socket: Int32 = 3

    package static func run(path: String) -> Int32 {
        do {
            let file = try open(path)
            try MessageSocket.send(socket, [0], descriptors: [file.number])
            return 0
        } catch {
            try? writeAll(STDERR_FILENO, Array("\(error)\n".utf8))
            return 1
        }
    }

    /// Made with mode 0640. A symbolic link at its end is refused, and so is everything that is no file: a FIFO would make
    /// the writer wait.
    private static func open(_ path: String) throws(SystemError) -> Descriptor {
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
        let file = try openFile(path, flags: flags, mode: 0o640)
        guard isAppendedFile(file.number) else { throw SystemError(call: "open", errno: EINVAL, subject: path) }
        return file
    }

    /// Whether it is a regular file that is only appended to. Asked again by who gets it: it comes from another user.
    package static func isAppendedFile(_ descriptor: Int32) -> Bool {
        var facts = stat()
        let flags = fcntl(descriptor, F_GETFL)
        return fstat(descriptor, &facts) == 0 && facts.st_mode & S_IFMT == S_IFREG && flags >= 0
            && flags & (O_APPEND | O_WRONLY) == O_APPEND | O_WRONLY
    }
}
