import Linux
import Synchronization

/// The builder's voice: whole lines, from whichever thread.
final class EventWriter: Sendable {
    private let output: Mutex<Int32>

    /// Borrows the descriptor.
    init(output: Int32) { self.output = Mutex(output) }

    /// False when nobody listens any more.
    @discardableResult
    func send(_ event: BuilderEvent) -> Bool {
        output.withLock { number in
            // Our own plain values always have a JSON form; what can fail is the write, to a core that is gone.
            guard let line = try? BuilderWire.encode(event) else { return false }
            return (try? writeAll(number, line)) != nil
        }
    }

    func note(_ text: String) { send(.note(text)) }
    func warn(_ text: String) { send(.warning(text)) }
}
