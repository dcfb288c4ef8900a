internal import Glibc

/// Descriptors that clients cannot take: with all of them in clients' hands a server could still answer, and neither start a
/// worker, nor write a journal, nor be asked what is wrong with it.
package struct DescriptorReserve: Sendable, Equatable {
    /// So many clients are served whatever else is open.
    private let size: Int
    /// A process is given the lowest free number (open(2)), so one from here on tells that few are left.
    private let first: Int

    /// Of a process that may have `limit` open files: an eighth, and no more than any server needs.
    package init(limit: Int) {
        size = min(max(limit / 8, 16), 1024)
        first = limit - size
    }

    /// What this process may open now (getrlimit(2)).
    package static var ofThisProcess: DescriptorReserve {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return DescriptorReserve(limit: .max)
        }
        return DescriptorReserve(limit: Int(clamping: limit.rlim_cur))
    }

    /// Whether one more client would take what is kept, given the number that a new descriptor has.
    package func isTouched(by number: Int32, clients: Int) -> Bool { number >= first && clients >= size }
}
