import Model
import NIOCore
import Sockets

/// The one deadline that a client's connection has at a time. Looked at by its loop once a second: a timer of its own
/// would cost every request an allocation, and nobody needs these to the millisecond.
struct ConnectionTimer {
    enum Kind: Equatable {
        case none
        /// A request head is awaited, from the connection's start or from its first byte.
        case head
        case body
        /// Between requests.
        case keepAlive
        /// The client takes nothing of what was sent to it.
        case stall
        /// Our side is closed; what the client still sends is read out.
        case linger
    }
    var kind = Kind.none
    var deadline = NIODeadline.distantFuture
    /// What waited for the client at its start: less means that the client takes something.
    var waiting = 0

    static let none = ConnectionTimer()
}

/// What starts a timer.
enum TimerStart {
    case head, body, keepAlive, stall, linger
}

extension ClientConnection {
    func startTimer(_ start: TimerStart) {
        let http = route?.http ?? loop.router.defaults
        let (kind, time): (ConnectionTimer.Kind, TimeAmount) =
            switch start {
            case .head: (.head, TimeAmount(http.headerTimeout))
            case .body: (.body, TimeAmount(http.bodyTimeout))
            case .keepAlive: (.keepAlive, TimeAmount(http.keepAliveTimeout))
            case .stall: (.stall, TimeAmount(http.bodyTimeout))
            case .linger: (.linger, loop.lingerTime)
            }
        let now = loop.eventLoop.time
        // A body that is passed on as it comes may be a stream, with pauses of its own: there `max_request_time` is the limit.
        let isCollected = kind == .body && !streamsBody
        let deadline =
            isCollected ? pace.deadline(now, received: body.length, silence: time) : loop.deadline(after: time)
        timer = ConnectionTimer(kind: kind, deadline: deadline, waiting: transport.queuedBytes)
    }

    func stopTimer() {
        if timer.kind == .body { pace.stop(loop.eventLoop.time) }
        timer = .none
    }

    /// From the loop's sweep.
    func timerFired() {
        let (kind, waiting) = (timer.kind, timer.waiting)
        // A large file takes a slow client longer than one term.
        if kind == .stall, transport.queuedBytes < waiting { return startTimer(.stall) }
        timer = .none
        switch kind {
        case .none: break
        case .head where inbound.isEmpty: transport.close(resetting: false)
        case .head:
            loop.log(.clientTooSlow(limit: "header_timeout", peer: peer.address))
            refuseHead(inbound.bytes, .requestTimeout)
        case .body:
            loop.log(.clientTooSlow(limit: "body_timeout", peer: peer.address))
            refuse(.requestTimeout)
        case .keepAlive: closeIdle()
        case .stall:
            loop.log(.clientTooSlow(limit: "body_timeout, taking an answer", peer: peer.address))
            // An orderly end would stand in the kernel's queue behind what the client does not take, with its memory.
            transport.close(resetting: true)
        case .linger: transport.close(resetting: false)
        }
    }
}

extension TimeAmount {
    init(_ duration: Duration) { self = .nanoseconds(duration.wholeNanoseconds) }
}
