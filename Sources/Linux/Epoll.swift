internal import CLinux
internal import Glibc

/// epoll(7), level-triggered. A token names what a descriptor means to its owner.
package struct Epoll: ~Copyable, Sendable {
    package struct Interest: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let readable = Interest(rawValue: UInt32(CL_EPOLL_IN))
        package static let writable = Interest(rawValue: UInt32(CL_EPOLL_OUT))
        /// Always reported, asked for or not.
        package static let failed = Interest(rawValue: UInt32(CL_EPOLL_ERR))
        /// Always reported, asked for or not.
        package static let hungUp = Interest(rawValue: UInt32(CL_EPOLL_HUP))
    }

    package struct Event: Sendable {
        package var token: UInt64
        package var ready: Interest
    }

    private let descriptor: Descriptor

    package init() throws(SystemError) {
        descriptor = Descriptor(owning: try checked("epoll_create1") { cl_epoll_create() })
    }

    package func add(_ fd: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
        _ = try checked("epoll_ctl") { cl_epoll_add(descriptor.number, fd, interest.rawValue, token) }
    }

    package func modify(_ fd: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
        _ = try checked("epoll_ctl") { cl_epoll_modify(descriptor.number, fd, interest.rawValue, token) }
    }

    /// Necessary before closing a descriptor whose open file somebody else has too: epoll watches the open file.
    package func remove(_ fd: Int32) throws(SystemError) {
        _ = try checked("epoll_ctl") { cl_epoll_remove(descriptor.number, fd) }
    }

    /// Up to 64 events; none when `timeoutMilliseconds` passed or a signal came. Nil waits for ever.
    package func wait(timeoutMilliseconds: Int? = nil) throws(SystemError) -> [Event] {
        var events = [cl_event](repeating: cl_event(), count: 64)
        let timeout = timeoutMilliseconds.map { Int32(clamping: max(0, $0)) } ?? -1
        let count = cl_epoll_wait(descriptor.number, &events, 64, timeout)
        guard count >= 0 else {
            let error = SystemError(call: "epoll_wait")
            if error.errno == EINTR { return [] }
            throw error
        }
        return events.prefix(Int(count)).map { Event(token: $0.token, ready: Interest(rawValue: $0.events)) }
    }
}
