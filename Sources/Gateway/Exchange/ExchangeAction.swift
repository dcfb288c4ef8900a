import Pool

/// What the shell does after an event: first with the worker's connection, then with the claim, then the next step.
struct ExchangeAction: Equatable {
    enum ClaimAction: Equatable {
        case keep
        case giveBack(ExchangeOutcome)
        /// The worker could not be connected to; the pool stops choosing it until it proves itself.
        case giveBackUnreachable
        /// The worker did not answer in time, and may still be at it.
        case giveBackOverdue
        /// Leave the pool's queue.
        case cancelTicket
        /// Its place is free for the next request; it is given back at its end like any other.
        case becomeStream
    }
    enum UpstreamAction: Equatable {
        case keep
        /// To the loop's idle connections.
        case release
        case close
    }
    enum Step: Equatable {
        case none
        case receiveBody
        case checkout
        /// `reusing` false: only a new connection will do.
        case connect(reusing: Bool)
        /// The worker is there but its backlog is full: try again after a moment, the claim is kept.
        case connectAgain(after: Duration)
        case send
        case forwardHead
        /// Only if `keepAlive` may the connection be kept, and the client wants that too.
        case answer(GatewayFailure, keepAlive: Bool)
        /// The exchange is over; look for a further request on this connection.
        case nextRequest
        case closeClient
        /// Part of an answer is out: the client must see that it is not whole.
        case breakOffClient
    }

    var claim: ClaimAction
    var upstream: UpstreamAction
    var step: Step

    init(claim: ClaimAction = .keep, upstream: UpstreamAction = .keep, _ step: Step) {
        self.claim = claim
        self.upstream = upstream
        self.step = step
    }

    static let ignore = ExchangeAction(.none)
}
