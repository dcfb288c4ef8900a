import Pool

/// What the shell does after an event: first with the claim, then with the worker's connection, then the next step.
struct ExchangeAction: Equatable {
    enum ClaimAction: Equatable {
        case keep
        case giveBack(ExchangeOutcome)
        /// The worker could not be connected to; the pool stops choosing it until it proves itself.
        case giveBackUnreachable
        /// Leave the pool's queue.
        case cancelTicket
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
        case connect
        case send
        case forwardHead
        case answer(GatewayFailure, keepAlive: Bool)
        /// The exchange is over; look for a further request on this connection.
        case nextRequest
        case closeClient
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
