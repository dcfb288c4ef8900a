internal import Glibc
internal import Linux
internal import Model

/// One connection to a worker, with a time at which every wait on it ends.
struct ProbeConnection: ~Copyable {
    private let socket: Descriptor
    private let deadline: Instant

    private init(_ socket: consuming Descriptor, deadline: Instant) {
        self.socket = socket
        self.deadline = deadline
    }

    static func open(_ address: ProbeAddress, deadline: Instant) throws(ProbeFailure) -> ProbeConnection {
        let family = if case .unix = address { AF_UNIX } else { AF_INET }
        let number = Glibc.socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else {
            throw ProbeFailure(
                .connect, SystemError(call: "socket", errno: errno, subject: address.description).description)
        }
        let socket = Descriptor(owning: number)
        // connect(2) to a Unix socket with a full backlog blocks and cannot be polled for, but it heeds this limit.
        var limit = timeValue(deadline - monotonicNow())
        setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        if try connect(number, address) != 0 {
            let error = SystemError(call: "connect", errno: errno, subject: address.description)
            if error.errno == EAGAIN || error.errno == EINPROGRESS {
                throw ProbeFailure(.timedOut, "the worker does not accept connections on \(address)")
            }
            throw ProbeFailure(.connect, error.description)
        }
        return ProbeConnection(socket, deadline: deadline)
    }

    func send(_ bytes: [UInt8]) throws(ProbeFailure) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { raw in
                Glibc.send(
                    socket.number, raw.baseAddress.map { $0 + sent }, raw.count - sent,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count > 0 {
                sent += count
            } else if errno == EPIPE || errno == ECONNRESET {
                // It may have answered before it closed: that answer says more than this error.
                return
            } else if errno != EINTR {
                guard errno == EAGAIN else { throw ProbeFailure(.closed, SystemError(call: "send").description) }
                try wait(for: POLLOUT, "the worker does not read the request")
            }
        }
    }

    /// Appends what arrives next to `bytes`, at most 16 KiB. False at the end of the stream.
    func receive(into bytes: inout [UInt8], orFail waiting: String) throws(ProbeFailure) -> Bool {
        while true {
            try wait(for: POLLIN, waiting)
            var code: Int32 = 0
            let piece = [UInt8](unsafeUninitializedCapacity: 16 << 10) { buffer, count in
                let received = recv(socket.number, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
                code = received < 0 ? errno : 0
                count = max(0, received)
            }
            if code == EINTR || code == EAGAIN { continue }
            if code == ECONNRESET { return false }
            guard code == 0 else { throw ProbeFailure(.closed, SystemError(call: "recv", errno: code).description) }
            bytes += piece
            return !piece.isEmpty
        }
    }

    private func wait(for events: Int32, _ waiting: String) throws(ProbeFailure) {
        while true {
            let left = deadline - monotonicNow()
            guard left > .zero else { throw ProbeFailure(.timedOut, waiting) }
            var entry = pollfd(fd: socket.number, events: Int16(events), revents: 0)
            // Rounded up: a wait of zero milliseconds would spin.
            let milliseconds = Int32(clamping: left.wholeNanoseconds / 1_000_000 + 1)
            let ready = poll(&entry, 1, milliseconds)
            if ready > 0 { return }
            if ready < 0, errno != EINTR { throw ProbeFailure(.closed, SystemError(call: "poll").description) }
        }
    }

    private static func connect(_ number: Int32, _ address: ProbeAddress) throws(ProbeFailure) -> Int32 {
        switch address {
        case .tcp(let port):
            var target = sockaddr_in()
            target.sin_family = sa_family_t(AF_INET)
            target.sin_port = port.bigEndian
            target.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            return withPointer(to: &target) { Glibc.connect(number, $0, $1) }
        case .unix(let path):
            var target = sockaddr_un()
            target.sun_family = sa_family_t(AF_UNIX)
            let bytes = Array(path.utf8)
            guard !bytes.isEmpty, bytes.count <= longestSocketPath else {
                throw ProbeFailure(.connect, "the socket path \(path) is empty or too long")
            }
            withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: bytes) }
            return withPointer(to: &target) { Glibc.connect(number, $0, $1) }
        }
    }

    private static func withPointer<Address>(
        to address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Address>.size)) }
        }
    }

    /// Never zero, which would mean no limit.
    private static func timeValue(_ duration: Duration) -> timeval {
        let microseconds = max(1000, duration.wholeNanoseconds / 1000)
        return timeval(tv_sec: Int(microseconds / 1_000_000), tv_usec: Int(microseconds % 1_000_000))
    }
}
