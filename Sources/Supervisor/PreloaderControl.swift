import Glibc
import Linux
import Model

/// The supervisor's end of one preloader's control socket. The preloader runs an app's code, so nothing that comes from
/// it is taken on trust: who speaks is the kernel's word.
final class PreloaderControl {
    static let longestMessage = 64

    let socket: Descriptor
    /// Real user of the preloader, and of all that it can fork.
    let user: UInt32

    init(socket: consuming Descriptor, user: UInt32) throws(SystemError) {
        try MessageSocket.noteSenders(socket.number)
        try socket.setNonBlocking()
        self.socket = socket
        self.user = user
    }

    /// EAGAIN when the preloader does not read, EPIPE when it is gone.
    func ask(for ticket: UInt64, descriptors: [Int32]) throws(SystemError) {
        try MessageSocket.send(socket.number, Array("spawn \(ticket)".utf8), descriptors: descriptors)
    }

    enum Received: Equatable {
        case message(PreloaderMessage, sender: PeerCredentials)
        case unreadable
        case nothingMore
        case closed
    }

    func receive() -> Received {
        do throws(SystemError) {
            guard
                let (bytes, sender) = try MessageSocket.receiveWithSender(socket.number, maxBytes: Self.longestMessage)
            else { return .closed }
            return PreloaderMessage(bytes).map { .message($0, sender: sender) } ?? .unreadable
        } catch {
            return error.errno == EAGAIN ? .nothingMore : .closed
        }
    }
}

/// What comes on a preloader's control socket, in words (scripts/loaders/README.md).
enum PreloaderMessage: Equatable {
    /// From the new worker itself: it leads its own group, and we are its parent.
    case born(ticket: UInt64)
    /// From the preloader.
    case failed(ticket: UInt64, errno: Int32)

    init?(_ bytes: [UInt8]) {
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
        guard words.count >= 2, let ticket = UInt64(words[1]) else { return nil }
        switch (words[0], words.count) {
        case ("born", 2): self = .born(ticket: ticket)
        case ("failed", 3):
            guard let errno = Int32(words[2]), errno > 0 else { return nil }
            self = .failed(ticket: ticket, errno: errno)
        default: return nil
        }
    }
}
