import Model

@testable import Pool

struct SimulatedRequest {
    var app: Int
    var waiter: TestWaiter
    var ticket: Ticket?
    var isPlain: Bool
    var isLast: Bool
    var claim: Claim?
    var isStream = false
    var wasGranted = false
    var isAnswered = false
}

/// Requests, from the client's coming to its answer.
extension Simulation {
    func arrival() {
        guard !isCalm else { return }
        ask(chance(70) ? 0 : 1)
        // Quiet times and crowds take turns.
        let isCrowd = (now.nanoseconds / 1_500_000_000).isMultiple(of: 2)
        agenda.add(.arrival, at: now + (isCrowd ? span(10...100) : span(100...900)))
    }

    func ask(_ app: Int, isLast: Bool = false) {
        lastRequest += 1
        let waiter = TestWaiter(lastRequest)
        waiters[ObjectIdentifier(waiter)] = lastRequest
        var wish = CheckoutWish(sticky: nil, isUnlimited: !isLast && chance(6))
        if chance(20), let known = stickyWorker(app) { wish.sticky = known }
        wish.mayGoAhead = !wish.isUnlimited && chance(50)
        requests[lastRequest] = SimulatedRequest(
            app: app, waiter: waiter, isPlain: wish.sticky == nil && !wish.isUnlimited, isLast: isLast)
        checkout(lastRequest, wish)
    }

    private func stickyWorker(_ app: Int) -> StickyID? {
        let served = requests.filter { $0.value.app == app && $0.value.claim != nil }.keys.max()
        return served.flatMap { requests[$0]?.claim?.endpoint.sticky }
    }

    private func checkout(_ number: Int, _ wish: CheckoutWish) {
        guard let request = requests[number] else { return }
        let waits = request.isPlain && hasOlderPlain(number, request.app)
        let outcome = machine.checkout(AppIndex(request.app), request.waiter, wish, now: { clock })
        if failedRestarts.contains(request.app) {
            let isTold = outcome.refusal == .notBooted(summary: crash.summary)
            check(isTold, "request \(number) after a failed restart was answered \(outcome)")
        }
        switch outcome {
        case .granted(let claim):
            check(!waits, "request \(number) overtook the queue")
            check(!paused.contains(request.app), "a request of a paused app was not held")
            serve(number, claim)
        case .queued(let ticket):
            requests[number]?.ticket = ticket
            perform(machine.requestWaits(AppIndex(request.app), now: { clock }))
            if !request.isLast, chance(30) { agenda.add(.patienceOver(request: number), at: now + span(100...4000)) }
        case .refused: answer(number)
        }
    }

    private func hasOlderPlain(_ number: Int, _ app: Int) -> Bool {
        requests.contains { other, request in
            request.app == app && request.isPlain && request.ticket != nil && other != number
        }
    }

    func granted(_ number: Int, _ claim: Claim) {
        guard let request = requests[number], request.ticket != nil else {
            return check(false, "request \(number) was granted and did not wait")
        }
        if request.isPlain {
            let older = requests.filter { other, known in
                known.app == request.app && known.isPlain && known.ticket.map { isOlder($0, other, number) } ?? false
            }
            check(older.isEmpty, "request \(number) was granted before \(older.keys.sorted())")
        }
        check(!paused.contains(request.app), "a request of a paused app was not held")
        requests[number]?.ticket = nil
        serve(number, claim)
    }

    /// A request that asks again because its worker was gone has lost its place.
    private func isOlder(_ ticket: Ticket, _ other: Int, _ number: Int) -> Bool {
        other < number && requests[other]?.wasGranted == false && requests[number]?.wasGranted == false
    }

    private func serve(_ number: Int, _ claim: Claim) {
        requests[number]?.claim = claim
        requests[number]?.wasGranted = true
        guard let process = processes[claim.endpoint.worker] else {
            return check(false, "\(claim.endpoint.worker) was claimed and is not there")
        }
        check(process.app == requests[number]?.app, "\(claim.endpoint.worker) serves another app")
        agenda.add(.answered(request: number), at: now + (chance(10) ? span(500...3000) : span(5...150)))
    }

    func answered(_ number: Int) {
        guard let request = requests[number], let claim = request.claim else { return }
        let isThere = processes[claim.endpoint.worker]?.isDead == false
        if isThere, goesWrong(5) { machine.workerWantsWork(claim) }
        if isThere, !request.isStream, goesWrong(5) {
            requests[number]?.isStream = true
            agenda.add(.streamOver(request: number), at: now + span(100...6000))
            let (handOver, rest, _) = machine.becomeStream(claim, .ok, now: { clock })
            return handedOver(handOver, rest)
        }
        requests[number]?.claim = nil
        // A dead process refuses the connection: the next worker is tried.
        if !isThere, chance(50) {
            perform(machine.checkinUnreachable(claim, now: clock))
            requests[number]?.isPlain = true
            return checkout(number, .any)
        }
        answer(number)
        let (handOver, rest) = machine.checkin(claim, isThere ? .ok : .gatewayError, now: { clock })
        handedOver(handOver, rest)
    }

    func streamOver(_ number: Int) {
        guard let claim = requests[number]?.claim else { return }
        requests[number]?.claim = nil
        answer(number)
        let (handOver, rest) = machine.streamEnded(claim, now: { clock })
        handedOver(handOver, rest)
    }

    private func handedOver(_ handOver: (QueuedCheckout, Claim)?, _ rest: [PoolAction]) {
        if let (next, claim) = handOver { granted(waiters[ObjectIdentifier(next.waiter)] ?? 0, claim) }
        perform(rest)
    }

    func refused(_ number: Int) {
        check(requests[number]?.ticket != nil, "request \(number) was refused and did not wait")
        answer(number)
    }

    func patienceOver(_ number: Int) {
        guard let ticket = requests[number]?.ticket else { return }
        let (cancelled, actions) = machine.cancel(ticket, now: clock)
        check(cancelled, "request \(number) could not leave the queue")
        answer(number)
        perform(actions)
    }

    private func answer(_ number: Int) {
        check(requests[number]?.isAnswered == false, "request \(number) was answered twice")
        requests[number]?.ticket = nil
        requests[number]?.isAnswered = true
        // Those that are answered are of no interest any more, but for the last ones.
        if let request = requests[number], !request.isLast {
            waiters[ObjectIdentifier(request.waiter)] = nil
            requests[number] = nil
        }
    }
}
