import Glibc
import Linux

/// Not the wrapper of an owned descriptor: stdout belongs to the process.
func setNonBlocking(_ descriptor: Int32) throws(SystemError) {
    let flags = fcntl(descriptor, F_GETFL)
    guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) >= 0 else { throw SystemError(call: "fcntl") }
}

/// One write(2); how much of it went out.
func writeSome(_ descriptor: Int32, _ bytes: [UInt8]) throws(SystemError) -> Int {
    while true {
        let count = write(descriptor, bytes, bytes.count)
        if count >= 0 { return count }
        let error = SystemError(call: "write")
        if error.errno != EINTR { throw error }
    }
}

func waitWritable(_ descriptor: Int32, milliseconds: Int32) {
    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    poll(&entry, 1, milliseconds)
}

extension SystemError {
    var isAgain: Bool { errno == EAGAIN }
}
