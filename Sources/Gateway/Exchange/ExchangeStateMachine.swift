import Pool

/// One request's life between a client and the pool, as decisions only: which event leads to what.
///
///     idle -> looking -> receiving -> waiting -> connecting -> sent -> answering -> idle
///                                        ^          |           |
///                                        +----------+-----------+      the retry rule (DESIGN section 6)
///                                                               +--> tunnel -> closed
///
/// The shell (`ClientConnection`) feeds it what happened on the wire and carries out what comes back. Invariants, held
/// by the model-based test: a request is answered exactly once; it is sent again only under the retry rule; a claim is
/// given back exactly once; nothing happens after `closed`.
struct ExchangeStateMachine {
    struct Request: Equatable {
        /// RFC 9110 section 9.2.2: sending it twice means the same as sending it once.
        var isIdempotent: Bool
        var hasBody: Bool
        /// The body goes to the worker as it comes (`request_buffering: off`).
        var streamsBody: Bool
        /// Part of a streamed body is gone: the request cannot be sent again.
        fileprivate(set) var hasLostBody = false
        /// It has no body and only asks (RFC 9110 section 9.2.1), so it may be taken back from a worker that has not read it.
        var isSafe: Bool
        /// That has happened.
        fileprivate(set) var wasRecalled = false
        /// Set once the request may have reached a worker that then was lost.
        fileprivate(set) var sends = 0
        /// Workers that got nothing of it: no connection, or one that refused the first byte.
        fileprivate(set) var misses = 0
        /// Attempts that met a full backlog at the worker claimed now.
        fileprivate(set) var busyTries = 0

        /// May wait at a busy worker. Once lost or taken back, it has a worker for itself.
        var mayGoAhead: Bool { isSafe && !wasRecalled && sends + misses == 0 }

        init(isIdempotent: Bool, hasBody: Bool, streamsBody: Bool = false, isSafe: Bool = false) {
            self.isSafe = isSafe
            self.isIdempotent = isIdempotent
            self.hasBody = hasBody
            self.streamsBody = streamsBody
        }
    }

    /// How many times a request may be written to a worker.
    static let maxSends = 3
    /// How many workers may turn out to be gone before the client is told. Each of them is not chosen again, so the search
    /// mostly ends in the pool's queue before this.
    static let maxMisses = 16
    /// With the delays of `busyDelay`, about five seconds.
    static let maxBusyTries = 16

    private(set) var state = State.idle

    enum State: Equatable {
        /// Between requests.
        case idle
        /// The response cache may answer, once another request for the same has been.
        case looking(Request)
        /// The body is being collected; no worker is held.
        case receiving(Request)
        /// The pool was asked for a worker.
        case waiting(Request)
        /// A worker is claimed; a connection to it is wanted.
        case connecting(Request)
        /// The request was written; nothing of an answer has come.
        case sent(Request, reused: Bool)
        /// The head of the answer went to the client.
        case answering
        /// The connection was upgraded: bytes go both ways, what they mean is not known here.
        case tunnel
        /// The client is gone or the connection ends here.
        case closed
    }

    // MARK: The client's side

    /// `looksFirst`: the cache was asked and will say later whether it has an answer.
    mutating func requestHead(_ request: Request, looksFirst: Bool = false) -> ExchangeAction {
        guard case .idle = state else { return .ignore }
        if looksFirst {
            state = .looking(request)
            return .ignore
        }
        return begin(request)
    }

    /// The cache has nothing for this request.
    mutating func foundNothing() -> ExchangeAction {
        guard case .looking(let request) = state else { return .ignore }
        return begin(request)
    }

    /// An answer that no worker gave (a file, the cache, a redirect) was sent.
    mutating func answeredWithoutWorker(keepClient: Bool) -> ExchangeAction {
        switch state {
        case .idle, .looking: break
        default: return .ignore
        }
        state = keepClient ? .idle : .closed
        return .init(keepClient ? .nextRequest : .closeClient)
    }

    private mutating func begin(_ request: Request) -> ExchangeAction {
        if request.hasBody, !request.streamsBody {
            state = .receiving(request)
            return .init(.receiveBody)
        }
        state = .waiting(request)
        return .init(.checkout)
    }

    mutating func bodyEnded() -> ExchangeAction {
        guard case .receiving(let request) = state else { return .ignore }
        state = .waiting(request)
        return .init(.checkout)
    }

    /// The body cannot be taken (too large, malformed, disk full), or the head itself was refused.
    mutating func requestRefused(_ failure: GatewayFailure) -> ExchangeAction {
        switch state {
        case .idle, .receiving, .looking:
            // What the client goes on sending is not a request any more, so the connection cannot be kept.
            state = .closed
            return .init(.answer(failure, keepAlive: false))
        // A streamed body that turns out bad: the worker has part of it, and is not to blame.
        case .sent(let request, _) where request.streamsBody:
            state = .closed
            return ExchangeAction(claim: .giveBack(.ok), upstream: .close, .answer(failure, keepAlive: false))
        case .answering:
            state = .closed
            return ExchangeAction(claim: .giveBack(.ok), upstream: .close, .breakOffClient)
        default: return .ignore
        }
    }

    mutating func clientGone() -> ExchangeAction {
        let before = state
        state = .closed
        switch before {
        case .idle, .looking, .receiving, .closed: return .ignore
        case .waiting: return ExchangeAction(claim: .cancelTicket, .none)
        case .connecting: return ExchangeAction(claim: .giveBack(.notForwarded), upstream: .close, .none)
        case .sent, .answering, .tunnel: return ExchangeAction(claim: .giveBack(.ok), upstream: .close, .none)
        }
    }

    /// The shell ends a connection on which nothing is under way: drain, keep-alive time, or after an answer of ours.
    mutating func closeIdle() {
        if case .idle = state { state = .closed }
    }

    // MARK: The pool's side

    mutating func granted() -> ExchangeAction {
        guard case .waiting(var request) = state else {
            // The client left while the grant was on its way.
            return ExchangeAction(claim: .giveBack(.notForwarded), .none)
        }
        request.busyTries = 0
        state = .connecting(request)
        // After a loss only a new connection will do: what ended one idle connection may have ended its siblings.
        return .init(.connect(reusing: request.sends + request.misses == 0))
    }

    mutating func refused(_ failure: GatewayFailure) -> ExchangeAction {
        guard case .waiting = state else { return .ignore }
        state = .idle
        return .init(.answer(failure, keepAlive: true))
    }

    // MARK: The worker's side

    /// A connection to the claimed worker is there.
    mutating func connected(reused: Bool) -> ExchangeAction {
        guard case .connecting(let request) = state else { return .ignore }
        state = .sent(request, reused: reused)
        return .init(.send)
    }

    /// No connection could be made: nothing was sent, so any method may go to another worker. `isBusy` is EAGAIN from a
    /// full backlog (unix(7)): the worker lives, so it is not suspected, and asked again soon.
    mutating func connectFailed(isBusy: Bool) -> ExchangeAction {
        guard case .connecting(var request) = state else { return .ignore }
        guard isBusy else { return searchOn(request, claim: .giveBackUnreachable) }
        guard request.busyTries < Self.maxBusyTries else {
            state = .idle
            return ExchangeAction(claim: .giveBack(.gatewayError), .answer(.workerBusy, keepAlive: true))
        }
        request.busyTries += 1
        state = .connecting(request)
        return .init(.connectAgain(after: Self.busyDelay(request.busyTries)))
    }

    /// 2 ms, 4 ms, … and at most half a second.
    static func busyDelay(_ attempt: Int) -> Duration { .milliseconds(min(500, 1 << min(attempt, 9))) }

    /// The head cannot be put into the worker's protocol within its limits; nothing was sent.
    mutating func headTooLarge() -> ExchangeAction {
        guard case .sent = state else { return .ignore }
        state = .idle
        let failure = GatewayFailure.badRequest(status: 431, reason: "its head is too large for the application")
        return ExchangeAction(claim: .giveBack(.notForwarded), upstream: .release, .answer(failure, keepAlive: true))
    }

    /// A part of a streamed body went to the worker, and is not kept.
    mutating func bodyWasStreamed() {
        guard case .sent(var request, let reused) = state, !request.hasLostBody else { return }
        request.hasLostBody = true
        state = .sent(request, reused: reused)
    }

    /// The connection failed before the request's head was whole on it, so the worker cannot have run it: any method may
    /// be sent again.
    mutating func writeFailed() -> ExchangeAction {
        guard case .sent(let request, _) = state else { return .ignore }
        if request.hasLostBody { return fail(.workerDied) }
        return searchOn(request, claim: .giveBack(.notForwarded), upstream: .close)
    }

    /// The worker's side ended or failed before a byte of an answer. On a Unix socket a peer that read nothing and one
    /// that ran the request look the same, so only idempotent methods are sent again: always once, and once more when
    /// the connection had served before. A new connection that dies twice has most likely met the request that kills its
    /// worker, which should not take the whole pool.
    mutating func upstreamLost(_ failure: GatewayFailure) -> ExchangeAction {
        switch state {
        case .sent(var request, let reused):
            request.sends += 1
            if request.isIdempotent, !request.hasLostBody, reused || request.sends == 1, request.sends < Self.maxSends {
                state = .waiting(request)
                // Most likely this worker is dying, and its exit not known yet: the second attempt is for another one.
                return ExchangeAction(claim: .giveBackUnreachable, upstream: .close, .checkout)
            }
            return fail(failure)
        case .answering: return breakOff()
        case .tunnel: return tunnelEnded()
        default: return .ignore
        }
    }

    /// The worker has not read the request for a while, and it would do better elsewhere. Should it read it in this moment,
    /// it runs a request that only asks, for nobody.
    mutating func recalled() -> ExchangeAction {
        guard case .sent(var request, _) = state, request.mayGoAhead else { return .ignore }
        request.wasRecalled = true
        state = .waiting(request)
        return ExchangeAction(claim: .giveBack(.notForwarded), upstream: .close, .checkout)
    }

    /// An answer that is not HTTP, or would split: the worker did run the request, so it is never sent again.
    mutating func upstreamSentGarbage() -> ExchangeAction {
        switch state {
        case .sent: fail(.badAnswer)
        case .answering: breakOff()
        default: .ignore
        }
    }

    /// The worker took longer than it may (`max_request_time`).
    mutating func upstreamTimedOut() -> ExchangeAction {
        switch state {
        case .sent: fail(.workerTimedOut, claim: .giveBackOverdue)
        case .answering: breakOff(claim: .giveBackOverdue)
        default: .ignore
        }
    }

    /// The answer, which is a stream, has had its time.
    mutating func streamTimedOut() -> ExchangeAction {
        guard case .answering = state else { return .ignore }
        return breakOff()
    }

    /// The final head of the answer (1xx heads do not count).
    mutating func answerHead() -> ExchangeAction {
        guard case .sent = state else { return .ignore }
        state = .answering
        return .init(.forwardHead)
    }

    /// The answer goes on and on: it takes no place of the worker's any more, and counts as a stream.
    mutating func answerIsStream() -> ExchangeAction {
        guard case .answering = state else { return .ignore }
        return ExchangeAction(claim: .becomeStream, .none)
    }

    /// The worker switched protocols (RFC 9110 section 7.8).
    mutating func upgraded() -> ExchangeAction {
        guard case .sent = state else { return .ignore }
        state = .tunnel
        return ExchangeAction(claim: .becomeStream, .none)
    }

    /// One side of the tunnel has ended it.
    mutating func tunnelEnded() -> ExchangeAction {
        guard case .tunnel = state else { return .ignore }
        state = .closed
        return ExchangeAction(claim: .giveBack(.ok), upstream: .close, .closeClient)
    }

    /// The answer is complete. `isError` is a 5xx of the app's own.
    mutating func answerEnded(isError: Bool, keepUpstream: Bool, keepClient: Bool) -> ExchangeAction {
        guard case .answering = state else { return .ignore }
        state = keepClient ? .idle : .closed
        return ExchangeAction(
            claim: .giveBack(isError ? .appError : .ok), upstream: keepUpstream ? .release : .close,
            keepClient ? .nextRequest : .closeClient)
    }

    // MARK: Ends

    /// Nothing of the request reached the worker.
    private mutating func searchOn(
        _ request: Request, claim: ExchangeAction.ClaimAction, upstream: ExchangeAction.UpstreamAction = .keep
    ) -> ExchangeAction {
        var request = request
        request.misses += 1
        guard request.misses < Self.maxMisses else {
            state = .idle
            return ExchangeAction(claim: claim, upstream: upstream, .answer(.workerUnreachable, keepAlive: true))
        }
        state = .waiting(request)
        return ExchangeAction(claim: claim, upstream: upstream, .checkout)
    }

    /// Nothing of an answer is out: the client gets one of ours.
    private mutating func fail(
        _ failure: GatewayFailure, claim: ExchangeAction.ClaimAction = .giveBack(.gatewayError)
    ) -> ExchangeAction {
        state = .idle
        return ExchangeAction(claim: claim, upstream: .close, .answer(failure, keepAlive: true))
    }

    /// Part of an answer is out; only closing tells the client that it is not whole.
    private mutating func breakOff(
        claim: ExchangeAction.ClaimAction = .giveBack(.gatewayError)
    ) -> ExchangeAction {
        state = .closed
        return ExchangeAction(claim: claim, upstream: .close, .breakOffClient)
    }
}
