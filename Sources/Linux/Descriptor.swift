internal import CLinux
internal import Glibc

/// A file descriptor with one owner: closed when that owner goes.
package struct Descriptor: ~Copyable, Sendable {
    package let number: Int32

    package init(owning number: Int32) { self.number = number }

    /// Gives the ownership away.
    package consuming func release() -> Int32 {
        let number = self.number
        discard self
        return number
    }

    /// Never repeated on EINTR: Linux has closed the descriptor by then, and another thread may own the number.
    deinit { close(number) }

    /// Another descriptor of the same open file, with a number of at least `minimum`.
    package func duplicate(minimum: Int32 = 0) throws(SystemError) -> Descriptor {
        try duplicateDescriptor(number, minimum: minimum)
    }

    package func setNonBlocking(_ on: Bool = true) throws(SystemError) {
        _ = try checked("fcntl") { cl_set_nonblocking(number, on ? 1 : 0) }
    }
}

/// Close-on-exec duplicate of a borrowed descriptor, with a number of at least `minimum`.
package func duplicateDescriptor(_ fd: Int32, minimum: Int32 = 0) throws(SystemError) -> Descriptor {
    Descriptor(owning: try checked("fcntl") { cl_duplicate(fd, minimum) })
}

/// Makes `number` stand for the open file of `fd`, close-on-exec. Whoever is in the middle of a call on the file that it
/// stood for ends that undisturbed (dup2(2)).
package func replaceDescriptor(_ number: Int32, with fd: Int32) throws(SystemError) {
    _ = try checked("dup3") { cl_replace(fd, number) }
}

package func setCloseOnExec(_ fd: Int32, _ on: Bool) throws(SystemError) {
    _ = try checked("fcntl") { cl_set_close_on_exec(fd, on ? 1 : 0) }
}

/// Marks every open descriptor from `first` up, whoever opened it.
package func setCloseOnExec(from first: Int32) throws(SystemError) {
    _ = try checked("close_range") { cl_close_on_exec_from(first) }
}

/// Closes what nobody wraps: descriptors that came by number and are not wanted.
package func closeDescriptors(_ numbers: some Sequence<Int32>) {
    for number in numbers { close(number) }
}
