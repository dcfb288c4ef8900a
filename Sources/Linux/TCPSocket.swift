internal import Glibc

/// A TCP socket bound to a numeric IPv4 or IPv6 address, not listening yet, close-on-exec, SO_REUSEADDR set (so that
/// connections in TIME_WAIT do not hold the port).
package func bindTCP(host: String, port: UInt16, sharesPort: Bool) throws(SystemError) -> Descriptor {
    let subject = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    var v4 = sockaddr_in()
    var v6 = sockaddr_in6()
    if inet_pton(AF_INET, host, &v4.sin_addr) == 1 {
        v4.sin_family = sa_family_t(AF_INET)
        v4.sin_port = port.bigEndian
        let socket = try tcpSocket(AF_INET, sharesPort: sharesPort, subject: subject)
        _ = try checked("bind", subject) { withSocketAddress(&v4) { bind(socket.number, $0, $1) } }
        return socket
    }
    guard inet_pton(AF_INET6, host, &v6.sin6_addr) == 1 else {
        throw SystemError(call: "bind", errno: EADDRNOTAVAIL, subject: subject)
    }
    v6.sin6_family = sa_family_t(AF_INET6)
    v6.sin6_port = port.bigEndian
    let socket = try tcpSocket(AF_INET6, sharesPort: sharesPort, subject: subject)
    _ = try checked("bind", subject) { withSocketAddress(&v6) { bind(socket.number, $0, $1) } }
    return socket
}

private func tcpSocket(_ family: Int32, sharesPort: Bool, subject: String) throws(SystemError) -> Descriptor {
    let socket = try streamSocket(family, subject: subject)
    try setSocketOption(socket.number, level: SOL_SOCKET, option: SO_REUSEADDR, value: 1)
    if sharesPort { try setSharesPort(socket.number) }
    return socket
}

/// SO_REUSEPORT. Every socket of the address needs it, the first one too; that one may get it after its own bind.
package func setSharesPort(_ fd: Int32) throws(SystemError) {
    try setSocketOption(fd, level: SOL_SOCKET, option: SO_REUSEPORT, value: 1)
}

package func setSocketOption(_ fd: Int32, level: Int32, option: Int32, value: Int32) throws(SystemError) {
    var value = value
    _ = try checked("setsockopt") { setsockopt(fd, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) }
}

/// The port that a bound TCP socket has (getsockname(2)): for port 0.
package func boundPort(_ fd: Int32) throws(SystemError) -> UInt16 {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    _ = try checked("getsockname") {
        withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(fd, $0, &size) }
        }
    }
    // sin_port and sin6_port are both the two bytes after the family.
    return withUnsafeBytes(of: &storage) { UInt16($0[2]) << 8 | UInt16($0[3]) }
}
