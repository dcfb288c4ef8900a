internal import Glibc
package import Model

/// What a listening stream socket listens on (getsockname(2)), numeric; nil when the descriptor is anything else.
package func listeningAddress(_ fd: Int32) -> ListenAddress? {
    guard socketOption(fd, SO_ACCEPTCONN) == 1, socketOption(fd, SO_TYPE) == Int32(SOCK_STREAM.rawValue) else {
        return nil
    }
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutablePointer(to: &storage) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(fd, $0, &size) }
    }
    guard result == 0 else { return nil }
    let bytes = withUnsafeBytes(of: &storage) { Array($0.prefix(Int(size))) }
    switch Int32(storage.ss_family) {
    // struct sockaddr_in: family, port, address; sockaddr_in6 has flow information before its address.
    case AF_INET where bytes.count >= 8:
        return addressText(AF_INET, Array(bytes[4..<8])).map { .tcp(host: $0, port: port(bytes)) }
    case AF_INET6 where bytes.count >= 24:
        return addressText(AF_INET6, Array(bytes[8..<24])).map { .tcp(host: $0, port: port(bytes)) }
    // Neither without a name nor in the abstract namespace.
    case AF_UNIX where bytes.count > 3 && bytes[2] != 0:
        return .unix(path: String(decoding: bytes.dropFirst(2).prefix { $0 != 0 }, as: UTF8.self))
    default: return nil
    }
}

/// The text that `listeningAddress` gives for this numeric address; nil when it is none.
package func canonicalAddress(_ host: String) -> String? {
    for (family, size) in [(AF_INET, 4), (AF_INET6, 16)] {
        var bytes = [UInt8](repeating: 0, count: size)
        if inet_pton(family, host, &bytes) == 1 { return addressText(family, bytes) }
    }
    return nil
}

private func port(_ bytes: [UInt8]) -> Int { Int(bytes[2]) << 8 | Int(bytes[3]) }

private func addressText(_ family: Int32, _ bytes: [UInt8]) -> String? {
    var text = [CChar](repeating: 0, count: 64)
    guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return nil }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

private func socketOption(_ fd: Int32, _ option: Int32) -> Int32? {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : nil
}

/// One datagram, with descriptors, to a Unix socket: a path, or `@` and a name in the abstract namespace (unix(7)). Never waits:
/// EAGAIN when the receiver's queue is full.
package func sendDatagram(to address: String, _ bytes: [UInt8], descriptors: [Int32] = []) throws(SystemError) {
    let type = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let sender = Descriptor(owning: try checked("socket", address) { socket(AF_UNIX, type, 0) })
    var name = Array(address.utf8)
    guard !name.isEmpty, name.count <= longestSocketPath else {
        throw SystemError(call: "connect", errno: ENAMETOOLONG, subject: address)
    }
    // A path ends with a zero byte, an abstract name begins with one and ends with its length.
    if name[0] == UInt8(ascii: "@") { name[0] = 0 } else { name.append(0) }
    var target = sockaddr_un()
    target.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: name) }
    let size = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
    _ = try checked("connect", address) {
        withSocketAddress(&target) { pointer, _ in connect(sender.number, pointer, size) }
    }
    try MessageSocket.send(sender.number, bytes, descriptors: descriptors)
}
