package import AdminAPI

/// Events of one kind, a line each, one `next` at a time.
package struct EventStream<Event: Decodable & Sendable & Equatable>: ~Copyable {
    package enum Step: Sendable, Equatable {
        case event(Event)
        /// The stream ended. Without a `finished` before it, an operation's end was not seen.
        case ended
        /// The descriptor given as `interrupt` became readable.
        case interrupted
        case timedOut
    }

    private static var maxLine: Int { 1 << 20 }
    private var connection: AdminConnection
    private var pending: [UInt8] = []
    private var isOver = false

    init(_ connection: consuming AdminConnection) {
        self.connection = connection
    }

    package mutating func next(timeout: Duration?, interrupt: Int32?) throws(ControlError) -> Step {
        while true {
            if let line = takeLine() {
                if let event = try? WireJSON.decode(Event.self, from: line) { return .event(event) }
                continue
            }
            if isOver { return .ended }
            switch try connection.next(timeout: timeout, interrupt: interrupt) {
            case .bytes(let bytes): pending += bytes
            case .interrupted: return .interrupted
            case .timedOut: return .timedOut
            case .done:
                isOver = true
                let isSuccess = (200..<300).contains(connection.status)
                guard isSuccess else { throw AdminClient.error(in: pending, status: connection.status) }
            }
            if pending.count > Self.maxLine, !pending.contains(UInt8(ascii: "\n")) {
                throw ControlError(.failed, "The event stream has a line over \(Self.maxLine) bytes.")
            }
        }
    }

    /// Nil while no whole line is there. An error's body is JSON over many lines: it is left whole.
    private mutating func takeLine() -> [UInt8]? {
        guard connection.hasHead, (200..<300).contains(connection.status) else { return nil }
        guard let end = pending.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        defer { pending.removeFirst(end + 1) }
        return Array(pending[..<end])
    }
}
