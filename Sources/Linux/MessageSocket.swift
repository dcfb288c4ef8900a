internal import CLinux
internal import Glibc

/// Two connected sockets; each field can be moved out by itself.
@frozen
package struct SocketPair: ~Copyable {
    package let first: Descriptor
    package let second: Descriptor
}

/// A packet socket pair for messages with descriptors (SOCK_SEQPACKET, SCM_RIGHTS): one packet is one message, and an
/// end that is closed is seen at the other.
package enum MessageSocket {
    /// The kernel holds a packet in one piece and refuses what the send buffer cannot take; larger things go as memory
    /// files.
    package static let largestPacket = 128 << 10
    package static let mostDescriptors = Int(CL_MAX_DESCRIPTORS)

    package static func pair() throws(SystemError) -> SocketPair {
        var two: [Int32] = [-1, -1]
        let type = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        _ = try checked("socketpair") { socketpair(AF_UNIX, type, 0, &two) }
        return SocketPair(first: Descriptor(owning: two[0]), second: Descriptor(owning: two[1]))
    }

    /// Sends one packet or nothing. EAGAIN on a full non-blocking socket, EPIPE (never a signal) when the peer is gone.
    package static func send(_ fd: Int32, _ bytes: [UInt8], descriptors: [Int32] = []) throws(SystemError) {
        guard bytes.count <= largestPacket else { throw SystemError(call: "sendmsg", errno: EMSGSIZE) }
        _ = try checked("sendmsg") {
            cl_send_packet(fd, bytes, bytes.count, descriptors, Int32(descriptors.count))
        }
    }

    /// From now on the kernel notes who sends each packet that comes here.
    package static func noteSenders(_ fd: Int32) throws(SystemError) {
        _ = try checked("setsockopt SO_PASSCRED") { cl_set_pass_credentials(fd) }
    }

    /// The next packet of a socket with `noteSenders`, and the process that sent it: the kernel's word, unless the sender may
    /// signal every process anyway. Never waits: EAGAIN. Nil when the peer has closed. A packet is cut to `maxBytes`, and
    /// descriptors that come with it are closed: for peers that are not trusted.
    package static func receiveWithSender(
        _ fd: Int32, maxBytes: Int
    ) throws(SystemError) -> (bytes: [UInt8], sender: PeerCredentials)? {
        var buffer = [UInt8](repeating: 0, count: maxBytes)
        var sender = PeerCredentials(pid: 0, uid: 0, gid: 0)
        let size = try checked("recvmsg") {
            cl_receive_with_sender(fd, &buffer, maxBytes, &sender.pid, &sender.uid, &sender.gid)
        }
        if size == 0 { return nil }
        buffer.removeLast(maxBytes - size)
        return (buffer, sender)
    }

    /// The next packet; nil when the peer has closed. The caller owns the descriptors. A packet that does not fit is
    /// dropped with its descriptors: EMSGSIZE.
    package static func receive(
        _ fd: Int32, maxBytes: Int = largestPacket
    ) throws(SystemError) -> (bytes: [UInt8], descriptors: [Int32])? {
        guard let packet = try receiveWhatFits(fd, maxBytes: maxBytes) else { return nil }
        if packet.lacksDescriptors { throw SystemError(call: "recvmsg", errno: EMSGSIZE) }
        return (packet.bytes, packet.descriptors)
    }

    /// The same for whoever can do without the descriptors: this process may have as many open files as it may have (EMFILE), and
    /// then none of a packet's come.
    package static func receiveWhatFits(
        _ fd: Int32, maxBytes: Int = largestPacket
    ) throws(SystemError) -> (bytes: [UInt8], descriptors: [Int32], lacksDescriptors: Bool)? {
        var buffer = [UInt8](repeating: 0, count: maxBytes)
        var descriptors = [Int32](repeating: -1, count: mostDescriptors)
        var (count, lacking): (Int32, Int32) = (0, 0)
        let size = try checked("recvmsg") {
            cl_receive_packet(fd, &buffer, maxBytes, &descriptors, &count, &lacking)
        }
        descriptors.removeLast(descriptors.count - Int(count))
        if size == 0 && descriptors.isEmpty && lacking == 0 { return nil }
        buffer.removeLast(maxBytes - size)
        return (buffer, descriptors, lacking != 0)
    }
}
