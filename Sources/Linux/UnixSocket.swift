internal import CLinux
internal import Glibc

/// Who is at the other end of a Unix socket, as the kernel noted when it connected.
package struct PeerCredentials: Sendable, Equatable {
    package var pid: Int32
    package var uid: UInt32
    package var gid: UInt32
}

package func peerCredentials(_ fd: Int32) throws(SystemError) -> PeerCredentials {
    var peer = PeerCredentials(pid: 0, uid: 0, gid: 0)
    _ = try checked("getsockopt SO_PEERCRED") { cl_peer_credentials(fd, &peer.pid, &peer.uid, &peer.gid) }
    return peer
}

/// Longest path that a Unix socket can be bound to.
package let longestSocketPath = 107

/// A listening stream socket whose file has `mode` from its birth. EADDRINUSE when the path exists, whatever it is.
///
/// Changes the process's umask for the moment of the bind: for processes with one thread, or start-up.
package func listenUnix(path: String, mode: UInt32, backlog: Int) throws(SystemError) -> Descriptor {
    let socket = try bindUnix(path: path, mode: mode)
    try startListening(socket.number, backlog: backlog, subject: path)
    return socket
}

/// As `listenUnix`, not listening yet.
package func bindUnix(path: String, mode: UInt32) throws(SystemError) -> Descriptor {
    let socket = try streamSocket(AF_UNIX, subject: path)
    var address = try unixAddress(path)
    let previous = umask(mode_t(~mode & 0o777))
    defer { _ = umask(previous) }
    _ = try checked("bind", path) { withSocketAddress(&address) { bind(socket.number, $0, $1) } }
    return socket
}

package func startListening(_ fd: Int32, backlog: Int, subject: String) throws(SystemError) {
    _ = try checked("listen", subject) { listen(fd, Int32(clamping: backlog)) }
}

/// A connected stream socket. When `nonBlocking`, EAGAIN says that the listener's backlog is full.
package func connectUnix(path: String, nonBlocking: Bool = false) throws(SystemError) -> Descriptor {
    let socket = try streamSocket(AF_UNIX, subject: path)
    if nonBlocking { try socket.setNonBlocking() }
    var address = try unixAddress(path)
    _ = try checked("connect", path) { withSocketAddress(&address) { connect(socket.number, $0, $1) } }
    return socket
}

/// Two connected stream sockets that never block.
package func streamPair() throws(SystemError) -> SocketPair {
    var two: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    _ = try checked("socketpair") { socketpair(AF_UNIX, type, 0, &two) }
    return SocketPair(first: Descriptor(owning: two[0]), second: Descriptor(owning: two[1]))
}

/// Runs with another user's rights on files and ownership of what is created (setfsuid(2)). For a process with one
/// thread that runs as root.
package func asFileUser<Result: ~Copyable>(
    uid: UInt32, gid: UInt32, _ body: () throws(SystemError) -> Result
) throws(SystemError) -> Result {
    let (ownUser, ownGroup) = (geteuid(), getegid())
    defer { _ = cl_set_file_user(ownUser, ownGroup) }
    _ = try checked("setfsuid", "\(uid)") { cl_set_file_user(uid, gid) }
    return try body()
}

func streamSocket(_ family: Int32, subject: String) throws(SystemError) -> Descriptor {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    return Descriptor(owning: try checked("socket", subject) { socket(family, type, 0) })
}

private func unixAddress(_ path: String) throws(SystemError) -> sockaddr_un {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard !bytes.isEmpty, bytes.count <= longestSocketPath, !bytes.contains(0) else {
        throw SystemError(call: "bind", errno: bytes.isEmpty ? EINVAL : ENAMETOOLONG, subject: path)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return address
}

func withSocketAddress<Address, Result>(
    _ address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) -> Result {
    withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Address>.size)) }
    }
}
