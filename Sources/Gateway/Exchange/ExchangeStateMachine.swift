import Pool

/// One request's life between a client and the pool, as decisions only: which event leads to what.
///
///     idle -> receiving -> waiting -> connecting -> sent -> answering -> idle
///                              ^          |           |
///                              +----------+-----------+      the retry rule (DESIGN section 6)
///
/// The shell (`ClientConnection`) feeds it what happened on the wire and carries out what comes back. Invariants, held
/// by the model-based test: a request is answered exactly once; it is sent again only under the retry rule; a claim is
/// given back exactly once.
struct ExchangeStateMachine {
    struct Request: Equatable {
        /// RFC 9110 section 9.2.2: sending it twice means the same as sending it once.
        var isIdempotent: Bool
        var hasBody: Bool
    }

    /// How many times a request may look for another worker before the client is told.
    static let maxAttempts = 3

    private(set) var state = State.idle

    enum State: Equatable {
        /// Between requests.
        case idle
        /// The body is being collected; no worker is held.
        case receiving(Request)
        /// The pool was asked for a worker.
        case waiting(Request, attempt: Int)
        /// A worker is claimed; a connection to it is wanted.
        case connecting(Request, attempt: Int)
        /// The request was written; nothing of an answer has come.
        case sent(Request, attempt: Int, reused: Bool)
        /// The head of the answer went to the client.
        case answering
        /// The client is gone or the connection ends here.
        case closed
    }

    mutating func requestHead(_ request: Request) -> ExchangeAction {
        guard case .idle = state else { return .ignore }
        if request.hasBody {
            state = .receiving(request)
            return .init(.receiveBody)
        }
        state = .waiting(request, attempt: 1)
        return .init(.checkout)
    }

    mutating func bodyEnded() -> ExchangeAction {
        guard case .receiving(let request) = state else { return .ignore }
        state = .waiting(request, attempt: 1)
        return .init(.checkout)
    }

    /// The body cannot be taken (too large, malformed, disk full), or the head itself was refused.
    mutating func requestRefused(_ failure: GatewayFailure) -> ExchangeAction {
        switch state {
        case .idle, .receiving:
            // What the client goes on sending is not a request any more, so the connection cannot be kept.
            state = .closed
            return .init(.answer(failure, keepAlive: false))
        default: return .ignore
        }
    }

    mutating func granted() -> ExchangeAction {
        guard case .waiting(let request, let attempt) = state else {
            // The client left while the grant was on its way.
            return ExchangeAction(claim: .giveBack(.notForwarded), .none)
        }
        state = .connecting(request, attempt: attempt)
        return .init(.connect)
    }

    mutating func refused(_ failure: GatewayFailure) -> ExchangeAction {
        guard case .waiting = state else { return .ignore }
        state = .idle
        return .init(.answer(failure, keepAlive: true))
    }

    /// A connection to the claimed worker is there.
    mutating func connected(reused: Bool) -> ExchangeAction {
        guard case .connecting(let request, let attempt) = state else { return .ignore }
        state = .sent(request, attempt: attempt, reused: reused)
        return .init(.send)
    }

    /// No connection could be made: nothing was sent, so any method may go to another worker. `isBusy` is EAGAIN from a
    /// full backlog: the worker lives, so it is not suspected.
    mutating func connectFailed(isBusy: Bool) -> ExchangeAction {
        guard case .connecting(let request, let attempt) = state else { return .ignore }
        let claim = isBusy ? ExchangeAction.ClaimAction.giveBack(.notForwarded) : .giveBackUnreachable
        guard attempt < Self.maxAttempts else {
            state = .idle
            return ExchangeAction(claim: claim, .answer(.workerUnreachable, keepAlive: true))
        }
        state = .waiting(request, attempt: attempt + 1)
        return ExchangeAction(claim: claim, .checkout)
    }

    /// The head cannot be put into the worker's protocol within its limits; nothing was sent.
    mutating func headTooLarge() -> ExchangeAction {
        guard case .sent = state else { return .ignore }
        state = .idle
        let failure = GatewayFailure.badRequest(status: 431, reason: "its head is too large for the application")
        return ExchangeAction(claim: .giveBack(.notForwarded), upstream: .release, .answer(failure, keepAlive: true))
    }

    /// The first write on the connection failed: no byte of the request reached the worker, so any method may be sent
    /// again.
    mutating func writeFailed() -> ExchangeAction {
        guard case .sent(let request, let attempt, let reused) = state else { return .ignore }
        return sendAgain(request, attempt: attempt, reused: reused)
    }

    /// The worker's side ended or failed before a byte of an answer. On a Unix socket a peer that read nothing and one
    /// that ran the request look the same, so only idempotent methods are sent again, and only when the connection had
    /// served before: a fresh one that dies has most likely met the request that kills its worker.
    mutating func upstreamLost(_ failure: GatewayFailure) -> ExchangeAction {
        switch state {
        case .sent(let request, let attempt, let reused):
            if request.isIdempotent, reused || attempt == 1 {
                return sendAgain(request, attempt: attempt, reused: reused)
            }
            state = .idle
            return ExchangeAction(claim: .giveBack(.gatewayError), upstream: .close, .answer(failure, keepAlive: true))
        case .answering:
            // Part of an answer is out; only closing tells the client that it is not whole.
            state = .closed
            return ExchangeAction(claim: .giveBack(.gatewayError), upstream: .close, .closeClient)
        default:
            return .ignore
        }
    }

    /// An answer that is not HTTP, or would split: the worker did run the request, so it is never sent again.
    mutating func upstreamSentGarbage() -> ExchangeAction {
        switch state {
        case .sent:
            state = .idle
            return ExchangeAction(
                claim: .giveBack(.gatewayError), upstream: .close, .answer(.badAnswer, keepAlive: true))
        case .answering:
            state = .closed
            return ExchangeAction(claim: .giveBack(.gatewayError), upstream: .close, .closeClient)
        default:
            return .ignore
        }
    }

    /// The worker took longer than it may (`max_request_time`).
    mutating func upstreamTimedOut() -> ExchangeAction {
        switch state {
        case .sent:
            state = .idle
            return ExchangeAction(
                claim: .giveBack(.gatewayError), upstream: .close, .answer(.workerTimedOut, keepAlive: true))
        case .answering:
            state = .closed
            return ExchangeAction(claim: .giveBack(.gatewayError), upstream: .close, .closeClient)
        default:
            return .ignore
        }
    }

    /// The final head of the answer (1xx heads do not count).
    mutating func answerHead() -> ExchangeAction {
        guard case .sent = state else { return .ignore }
        state = .answering
        return .init(.forwardHead)
    }

    /// The answer is complete. `isError` is a 5xx of the app's own.
    mutating func answerEnded(isError: Bool, keepUpstream: Bool, keepClient: Bool) -> ExchangeAction {
        guard case .answering = state else { return .ignore }
        state = keepClient ? .idle : .closed
        return ExchangeAction(
            claim: .giveBack(isError ? .appError : .ok), upstream: keepUpstream ? .release : .close,
            keepClient ? .nextRequest : .closeClient)
    }

    mutating func clientGone() -> ExchangeAction {
        let before = state
        state = .closed
        switch before {
        case .idle, .receiving, .closed: return .ignore
        case .waiting: return ExchangeAction(claim: .cancelTicket, .none)
        case .connecting: return ExchangeAction(claim: .giveBack(.notForwarded), upstream: .close, .none)
        case .sent, .answering: return ExchangeAction(claim: .giveBack(.ok), upstream: .close, .none)
        }
    }

    private mutating func sendAgain(_ request: Request, attempt: Int, reused: Bool) -> ExchangeAction {
        guard attempt < Self.maxAttempts else {
            state = .idle
            return ExchangeAction(
                claim: .giveBack(.gatewayError), upstream: .close, .answer(.workerUnreachable, keepAlive: true))
        }
        state = .waiting(request, attempt: attempt + 1)
        return ExchangeAction(claim: .giveBack(.notForwarded), upstream: .close, .checkout)
    }
}
