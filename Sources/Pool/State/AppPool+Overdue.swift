import Model

/// Requests that took longer than `max_request_time`: the gateway has given them up, and their worker perhaps has not.
extension AppPool {
    mutating func checkinOverdue(_ claim: Claim, _ context: inout PoolContext) {
        let isThere = context.workers.holds(claim)
        // Before the claim comes back, so that it is not handed to the next request.
        let isRetired = isThere && takeOutOfService(claim.endpoint, &context)
        let now = context.now
        let answer = checkin(claim, .gatewayError, { now }, &context)
        guard isThere, let position = position(of: claim.endpoint.generation) else { return }
        if case .lastOfWorker(let slot) = answer {
            // It has nothing else to do that could be waited for.
            lastRequestDone(slot, &context)
        } else if isRetired {
            endStreams(ofRetired: claim.endpoint.slot, position, &context)
        }
        settle(position, &context)
    }

    /// True when it is to be replaced.
    private mutating func takeOutOfService(_ endpoint: WorkerEndpoint, _ context: inout PoolContext) -> Bool {
        guard let position = position(of: endpoint.generation) else { return false }
        if endpoint.wireProtocol == .session { context.workers[endpoint.slot].isStuck = true }
        switch (endpoint.wireProtocol, context.workers[endpoint.slot].state) {
        case (.session, .available), (.session, .working), (.session, .suspected):
            // It goes on with that request for who knows how long, or was made to stop in the middle of something.
            tell(.requestOverdue(endpoint.worker, isReplaced: true), about: endpoint.generation, &context)
            beginRetirement(endpoint.slot, position, &context)
            return true
        case (.http, .available):
            // Many requests at a time, and it hears of the closed connection: this says little about the others, unless
            // it does not answer at all.
            tell(.requestOverdue(endpoint.worker, isReplaced: false), about: endpoint.generation, &context)
            suspect(endpoint.slot, position, endpoint, &context)
            return false
        default: return false
        }
    }
}
