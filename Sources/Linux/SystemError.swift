internal import CLinux
internal import Glibc

/// A call that the kernel or libc refused.
package struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
    package var call: String
    package var errno: Int32
    /// What the call was about: a path, an address, a name.
    package var subject: String?

    package init(call: String, errno: Int32, subject: String? = nil) {
        self.call = call
        self.errno = errno
        self.subject = subject
    }

    /// From the calling thread's `errno`: make it before anything else can change that.
    package init(call: String, subject: String? = nil) {
        self.init(call: call, errno: cl_errno(), subject: subject)
    }

    /// "No such file or directory (ENOENT)"
    package var reason: String { SystemError.describe(errno) }

    /// "open /x: No such file or directory (ENOENT)"
    package var description: String {
        subject.map { "\(call) \($0): \(reason)" } ?? "\(call): \(reason)"
    }

    package static func describe(_ errno: Int32) -> String {
        guard let name = cl_errno_name(errno), let text = cl_errno_description(errno) else { return "error \(errno)" }
        return "\(String(cString: text)) (\(String(cString: name)))"
    }
}

/// Calls again while a signal interrupts; throws when the result is negative.
func checked<Result: FixedWidthInteger & SignedInteger>(
    _ call: String, _ subject: @autoclosure () -> String? = nil, _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result >= 0 { return result }
        let error = SystemError(call: call)
        if error.errno == EINTR { continue }
        throw SystemError(call: call, errno: error.errno, subject: subject())
    }
}

extension SystemError {
    /// Nothing is wrong: try again when the descriptor is ready.
    package var isTransient: Bool { errno == EAGAIN || errno == EINTR }

    /// Of bytes, of inodes, or of what a user may have of them.
    package var isFullDisk: Bool { errno == ENOSPC || errno == EDQUOT }
}
