internal import Linux
internal import Model
package import NIOCore
internal import Synchronization

/// What the connections over TCP share: who may come, and how often somebody may be wrong about it.
package final class RemoteAccess: Sendable {
    package typealias Secure = @Sendable (any Channel) throws -> Void

    /// Puts TLS into a new connection; nil on addresses of this machine alone.
    let secure: Secure?
    /// Whose name changes are made under by the kernel's rules: the server's own.
    let serverUser: UInt32
    private let table = Mutex(TokenTable())
    private let attempts = Mutex(AttemptLimit())
    private let places = Mutex(PeerPlaces())

    package init(serverUser: UInt32, secure: Secure?) {
        self.serverUser = serverUser
        self.secure = secure
    }

    /// From the next request on.
    package func use(_ new: TokenTable) { table.withLock { $0 = new } }

    enum Verdict: Sendable {
        case granted(TokenTable.Holder)
        case refused
        case wait(Duration)
    }

    func judge(_ token: String, from peer: String) -> Verdict {
        let holder = table.withLock { $0.holder(of: token) }
        let verdict = attempts.withLock { $0.judge(peer, isRight: holder != nil, now: monotonicNow()) }
        return switch (verdict, holder) {
        case (.granted, let holder?): .granted(holder)
        case (.wait(let time), _): .wait(time)
        default: .refused
        }
    }

    /// Whether what was granted before still is.
    func isStill(_ holder: TokenTable.Holder) -> Bool { table.withLock { $0.contains(holder) } }

    func enter(_ peer: String) -> Bool { places.withLock { $0.enter(peer) } }
    func becomeKnown(_ peer: String) -> Bool { places.withLock { $0.becomeKnown(peer) } }
    func leave(_ peer: String, wasKnown: Bool) { places.withLock { $0.leave(peer, wasKnown: wasKnown) } }
}

extension RemoteAccess {
    /// Whom attempts and connections are counted for: an IPv4 address, or the network of an IPv6 one (whoever has one of its
    /// addresses has all of them).
    static func peer(_ address: SocketAddress?) -> String {
        guard let text = address?.ipAddress else { return "?" }
        guard let bytes = addressBytes(text), bytes.count == 16 else { return text }
        return bytes.prefix(8).map { byte in String(byte, radix: 16) }.joined(separator: ":")
    }
}
