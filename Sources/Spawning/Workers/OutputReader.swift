import Glibc
package import Linux
import Model
import Synchronization

/// Reads the pipes of all children on one thread, so that an app that writes much never finds its pipe full because
/// somebody else is slow.
package final class OutputReader: Sendable {
    package struct Token: Sendable, Equatable {
        fileprivate var rawValue: UInt64
    }
    package typealias Receiver = @Sendable (UnsafeRawBufferPointer) -> Void

    private struct Source {
        var descriptor: Int32
        var receive: Receiver
        var ended: @Sendable () -> Void
    }
    private struct State {
        var nextToken: UInt64 = 1
        var sources: [UInt64: Source] = [:]
    }

    private let epoll: Epoll
    private let state = Mutex(State())

    package init() throws { epoll = try Epoll() }

    package func start() {
        startThread(name: "output") { [self] in
            while true {
                guard let events = try? epoll.wait() else { continue }
                for event in events { read(event.token) }
            }
        }
    }

    /// Takes over `descriptor`. Both closures run on the reader's thread and must not block; `ended` is the last call.
    @discardableResult
    package func add(
        _ descriptor: consuming Descriptor, receive: @escaping Receiver, ended: @escaping @Sendable () -> Void
    ) -> Token {
        do {
            try descriptor.setNonBlocking()
            let number = descriptor.release()
            let token = state.withLock { state in
                let token = state.nextToken
                state.nextToken += 1
                state.sources[token] = Source(descriptor: number, receive: receive, ended: ended)
                return token
            }
            do { try epoll.add(number, .readable, token: token) } catch { finish(token) }
            return Token(rawValue: token)
        } catch {
            ended()
            return Token(rawValue: 0)
        }
    }

    /// Reads no more of it: another process does. `ended` is called, on the caller's thread.
    package func remove(_ token: Token) {
        guard let source = state.withLock({ $0.sources.removeValue(forKey: token.rawValue) }) else { return }
        try? epoll.remove(source.descriptor)
        // The reader may be about to read from it: its number must not become another file's. What it holds is let go of.
        if let null = try? openFile("/dev/null", flags: O_RDONLY) { dup2(null.number, source.descriptor) }
        source.ended()
    }

    private func read(_ token: UInt64) {
        guard let source = state.withLock({ $0.sources[token] }) else { return }
        do {
            let bytes = try readSome(source.descriptor, limit: 64 << 10)
            if bytes.isEmpty { return finish(token) }
            bytes.withUnsafeBytes { source.receive($0) }
        } catch {
            if !error.isTransient { finish(token) }
        }
    }

    private func finish(_ token: UInt64) {
        guard let source = state.withLock({ $0.sources.removeValue(forKey: token) }) else { return }
        try? epoll.remove(source.descriptor)
        _ = Descriptor(owning: source.descriptor)
        source.ended()
    }
}
