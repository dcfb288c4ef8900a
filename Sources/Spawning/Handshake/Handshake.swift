import Model
import Pool

/// The worker's side of the boot, as it arrives on the handshake pipe: JSON lines, version 1 (scripts/loaders/README.md).
/// Pure: bytes in, what they mean out.
struct Handshake {
    static let maxLine = 64 * 1024
    static let maxTotal = 256 * 1024

    enum Event: Equatable {
        case stepBegan(String)
        case stepEnded(String)
        case ready(WorkerProtocol, concurrency: Int)
        /// A preloader can be asked for workers.
        case preloaded
        /// The app is loaded, but no worker must be forked from this process.
        case unsuitable(reason: String)
        /// The loader says why it cannot go on.
        case failed(step: String, summary: String, details: String?, hint: String?)
        /// Not the protocol: garbage, too long, or the end of the pipe before `ready` or `failed`.
        case broken(String)
    }

    /// The step that is under way, for time-outs and for a process that dies without a word.
    private(set) var step = "start_interpreter"
    private var line: [UInt8] = []
    private var total = 0
    private var isOver = false

    mutating func receive(_ bytes: some Sequence<UInt8>) -> [Event] {
        var events: [Event] = []
        for byte in bytes where !isOver {
            total += 1
            if byte == UInt8(ascii: "\n") {
                events.append(message(line))
                line.removeAll(keepingCapacity: true)
            } else {
                line.append(byte)
            }
            if line.count > Self.maxLine || total > Self.maxTotal {
                events.append(end(.broken("the handshake is longer than \(Self.maxTotal) bytes")))
            }
        }
        return events
    }

    /// The pipe was closed.
    mutating func ended() -> [Event] {
        guard !isOver else { return [] }
        return [end(.broken("the process closed its handshake before it was ready"))]
    }

    private mutating func message(_ line: [UInt8]) -> Event {
        guard let fields = FlatJSON.parse(line), let type = fields["type"]?.string else {
            return end(.broken("the process wrote something that is not a handshake message"))
        }
        guard fields["version"]?.integer ?? 1 == 1 else {
            return end(.broken("the loader speaks another version of the handshake"))
        }
        switch type {
        case "step":
            let name = fields["step"]?.string ?? step
            if fields["state"]?.string == "end" { return .stepEnded(name) }
            step = name
            return .stepBegan(name)
        case "ready":
            guard let wire = WorkerProtocol(name: fields["protocol"]?.string) else {
                return end(.broken("the loader named an unknown protocol"))
            }
            return end(.ready(wire, concurrency: max(0, fields["concurrency"]?.integer ?? 1)))
        case "preloaded": return end(.preloaded)
        case "unsuitable":
            return end(.unsuitable(reason: fields["reason"]?.string ?? "the loader gave no reason"))
        case "error":
            return end(
                .failed(
                    step: fields["step"]?.string ?? step,
                    summary: fields["summary"]?.string ?? "the app failed to load",
                    details: fields["details"]?.string, hint: fields["hint"]?.string))
        default:
            return end(.broken("the loader sent an unknown message '\(type.prefix(40))'"))
        }
    }

    private mutating func end(_ event: Event) -> Event {
        isOver = true
        return event
    }
}

extension WorkerProtocol {
    fileprivate init?(name: String?) {
        switch name {
        case "session": self = .session
        case "http": self = .http
        default: return nil
        }
    }
}
