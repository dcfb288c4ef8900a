import Glibc
import Pool
import Testing

@testable import Gateway

/// Random events at random moments, legal and stale ones, against a model that knows what a request may go through.
@Suite("An exchange under random events")
struct ExchangeModelTests {
    static let events = (getenv("PASSENGER_LONG_TESTS") != nil ? 20 : 1) * 300_000

    @Test("is answered once, sent again only under the retry rule, and gives every claim back once")
    func holds() {
        let seed = getenv("EXCHANGE_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 0 ... .max)
        var model = ExchangeModel(seed: seed)
        for step in 0..<Self.events {
            model.step()
            if let problem = model.problem {
                Issue.record("\(problem) at event \(step); EXCHANGE_SEED=\(seed)\n\(model.history)")
                return
            }
        }
        print("exchange model: \(Self.events) events, seed \(seed), \(model.totals)")
        #expect(model.totals.requests > 1000 && model.totals.resends > 100 && model.totals.recalls > 100)
        #expect(model.claimsTaken == model.claimsReturned + (model.holdsClaim ? 1 : 0) + model.lateGrants)
    }
}

/// What the shell, the pool and the worker would do, and what must hold meanwhile.
struct ExchangeModel {
    struct Totals {
        var requests = 0
        var answers = 0
        var resends = 0
        var connections = 0
        var recalls = 0
    }

    private var random: SeededGenerator
    private var machine = ExchangeStateMachine()
    private(set) var problem: StaticString?
    private(set) var totals = Totals()
    private var recent: [(event: StaticString, action: ExchangeAction, state: ExchangeStateMachine.State)] = []
    var history: String {
        recent.suffix(25).map { "\($0.event) -> \($0.action) -> \($0.state)" }.joined(separator: "\n")
    }

    // The pool.
    private(set) var claimsTaken = 0
    private(set) var claimsReturned = 0
    private(set) var holdsClaim = false
    private var holdsTicket = false
    /// Grants that were under way when the client left the queue.
    private(set) var lateGrants = 0

    // The worker's connection.
    private var holdsUpstream = false
    private var wantsConnection = false

    // The request.
    private var request: ExchangeStateMachine.Request?
    private var answered = 0
    private var sends = 0
    /// Once written to a worker that then was lost: it may have run.
    private var mayHaveRun = 0
    private var isClosed = false
    private var hasLostBody = false
    private var isStream = false
    private var isRecalled = false
    /// A worker could not be connected to.
    private var hasMissed = false

    init(seed: UInt64) { random = SeededGenerator(state: seed) }

    mutating func step() {
        if isClosed {
            afterClosed()
            return
        }
        // One in eight events comes out of turn, as after a race.
        if chance(8) { stale() } else { next() }
        if chance(40) { clientLeaves() }
    }

    // MARK: Events in turn

    private mutating func next() {
        switch machine.state {
        case .idle: begin()
        case .looking: look()
        case .tunnel: apply("tunnel ended", machine.tunnelEnded())
        case .receiving:
            if chance(6) {
                apply("refused", machine.requestRefused(.requestTimeout))
            } else {
                apply("body", machine.bodyEnded())
            }
        case .waiting: pool()
        case .connecting: connect()
        case .sent: worker()
        case .answering: answering()
        case .closed: break
        }
    }

    private mutating func begin() {
        totals.requests += 1
        let (isIdempotent, hasBody, streamsBody) = (chance(2), chance(2), chance(4))
        let new = ExchangeStateMachine.Request(
            isIdempotent: isIdempotent, hasBody: hasBody, streamsBody: streamsBody,
            isSafe: isIdempotent && !hasBody && !streamsBody && chance(2))
        (isRecalled, hasMissed) = (false, false)
        (request, answered, sends, mayHaveRun, hasLostBody, isStream) = (new, 0, 0, 0, false, false)
        if chance(20) {
            apply("bad head", machine.requestRefused(.badRequest(status: 400, reason: "")))
        } else if chance(8) {
            answer()
            apply("a file", machine.answeredWithoutWorker(keepClient: chance(4) == false))
        } else {
            apply("head", machine.requestHead(new, looksFirst: chance(4)))
        }
    }

    private mutating func look() {
        guard chance(2) else { return apply("nothing found", machine.foundNothing()) }
        answer()
        apply("found", machine.answeredWithoutWorker(keepClient: chance(4) == false))
    }

    private mutating func pool() {
        holdsTicket = false
        if chance(10) { return apply("refused", machine.refused(.queueFull(status: 503))) }
        take()
        apply("granted", machine.granted())
    }

    private mutating func take() {
        claimsTaken += 1
        check(!holdsClaim, "two claims at a time")
        holdsClaim = true
    }

    private mutating func connect() {
        switch roll(4) {
        case 0:
            hasMissed = true
            apply("connect failed", machine.connectFailed(isBusy: false))
        case 1: apply("backlog full", machine.connectFailed(isBusy: true))
        default:
            holdsUpstream = true
            totals.connections += 1
            apply("connected", machine.connected(reused: chance(2)))
        }
    }

    private mutating func worker() {
        if request?.streamsBody == true, chance(2) {
            machine.bodyWasStreamed()
            hasLostBody = true
        }
        switch roll(10) {
        case 9 where request?.streamsBody == true:
            apply("body refused", machine.requestRefused(.bodyTooLarge(limit: 1)))
        case 8:
            answer()
            apply("upgraded", machine.upgraded())
        case 0: apply("write failed", machine.writeFailed())
        case 1, 2:
            mayHaveRun += 1
            apply("lost", machine.upstreamLost(.workerDied))
        case 3:
            mayHaveRun += 1
            apply("garbage", machine.upstreamSentGarbage())
        case 4:
            mayHaveRun += 1
            apply("time-out", machine.upstreamTimedOut())
        case 5 where sends == 1: apply("head too large", machine.headTooLarge())
        case 6: recall()
        default: apply("answer", machine.answerHead())
        }
    }

    /// Only what is safe, has not been lost, and was not taken back before.
    private mutating func recall() {
        let before = machine.state
        let action = machine.recalled()
        guard request?.isSafe == true, sends == 1, !isRecalled, !hasMissed else {
            note("not recalled", action)
            return check(action == .ignore && machine.state == before, "what must stay was taken back")
        }
        isRecalled = true
        totals.recalls += 1
        check(action.claim == .giveBack(.notForwarded) && action.step == .checkout, "it was not taken back")
        // It did not run, and the next time it is sent counts as the first.
        sends -= 1
        apply("recalled", action)
    }

    private mutating func answering() {
        switch roll(9) {
        case 8: apply("body refused", machine.requestRefused(.requestTimeout))
        case 0: apply("lost", machine.upstreamLost(.workerDied))
        case 1: apply("garbage", machine.upstreamSentGarbage())
        case 2 where !isStream: apply("stream", machine.answerIsStream())
        default:
            apply(
                "end",
                machine.answerEnded(isError: chance(4), keepUpstream: chance(2), keepClient: !chance(10)))
        }
    }

    private mutating func clientLeaves() {
        let wasQueued = holdsTicket
        apply("client gone", machine.clientGone())
        isClosed = true
        // The cancel may have come too late: then the grant is on its way.
        if wasQueued, chance(2) { lateGrants += 1 }
        if lateGrants > 0 { claimsTaken += 1 }
    }

    // MARK: Events out of turn

    /// Whatever a race can deliver late must change nothing.
    private mutating func stale() {
        let before = machine.state
        let (name, action): (StaticString, ExchangeAction) =
            switch before {
            case .idle:
                pick(
                    { ("stale body", $0.bodyEnded()) }, { ("stale lost", $0.upstreamLost(.workerDied)) },
                    { ("stale refusal", $0.refused(.shuttingDown)) })
            case .looking, .tunnel:
                pick(
                    { ("stale answer", $0.answerHead()) }, { ("stale connect", $0.connected(reused: true)) },
                    { ("stale body", $0.bodyEnded()) })
            case .receiving:
                pick(
                    { ("stale connect", $0.connected(reused: false)) }, { ("stale answer", $0.answerHead()) },
                    { ("stale time-out", $0.upstreamTimedOut()) })
            case .waiting:
                pick(
                    { ("stale connect", $0.connectFailed(isBusy: false)) },
                    { ("stale body", $0.requestRefused(.requestTimeout)) }, { ("stale write", $0.writeFailed()) })
            case .connecting:
                pick(
                    { ("stale lost", $0.upstreamLost(.workerDied)) }, { ("stale garbage", $0.upstreamSentGarbage()) },
                    { ("stale idle end", $0.refused(.shuttingDown)) })
            case .sent:
                pick(
                    { ("stale connect", $0.connected(reused: true)) },
                    { ("stale end", $0.answerEnded(isError: false, keepUpstream: true, keepClient: true)) },
                    { ("stale head", $0.requestHead(.init(isIdempotent: true, hasBody: false))) })
            case .answering, .closed:
                pick(
                    { ("stale answer", $0.answerHead()) }, { ("stale write", $0.writeFailed()) },
                    { ("stale head", $0.headTooLarge()) })
            }
        note(name, action)
        check(action == .ignore && machine.state == before, "an event out of turn had an effect")
    }

    private mutating func pick(
        _ events: (inout ExchangeStateMachine) -> (StaticString, ExchangeAction)...
    ) -> (StaticString, ExchangeAction) {
        events[roll(events.count)](&machine)
    }

    /// Nothing happens any more, but a late grant is given back. Then a new connection begins.
    private mutating func afterClosed() {
        for _ in 0..<4 { stale() }
        if lateGrants > 0 {
            lateGrants = 0
            holdsClaim = true
            let action = machine.granted()
            check(action == ExchangeAction(claim: .giveBack(.notForwarded), .none), "a late grant was kept")
            holdsClaim = false
            claimsReturned += 1
        }
        check(!holdsClaim && !holdsTicket && !holdsUpstream, "something is held after the end")
        machine = ExchangeStateMachine()
        isClosed = false
        request = nil
    }

    // MARK: What the shell would do

    private mutating func apply(_ event: StaticString, _ action: ExchangeAction) {
        note(event, action)
        switch action.upstream {
        case .keep: break
        case .release:
            check(holdsUpstream, "a connection was released that nobody had")
            holdsUpstream = false
        case .close: holdsUpstream = false
        }
        switch action.claim {
        case .keep: break
        case .giveBack, .giveBackUnreachable, .giveBackOverdue:
            check(holdsClaim, "a claim was given back that nobody had")
            holdsClaim = false
            claimsReturned += 1
        case .becomeStream:
            check(holdsClaim && !isStream, "a claim became a stream that nobody had, or twice")
            isStream = true
        case .cancelTicket:
            check(holdsTicket, "a place in the queue was left that nobody had")
            holdsTicket = false
        }
        check(!holdsUpstream || holdsClaim, "a worker's connection is used without a claim")
        perform(action.step)
    }

    private mutating func perform(_ step: ExchangeAction.Step) {
        switch step {
        case .none, .receiveBody: break
        case .checkout:
            check(answered == 0, "sent again after an answer")
            check(!hasLostBody, "sent again without its body")
            check(!holdsClaim && !holdsTicket && !holdsUpstream, "asked for a worker with one in hand")
            check(mayHaveRun == 0 || request?.isIdempotent == true, "sent again what may have run")
            holdsTicket = true
        case .connect, .connectAgain:
            check(holdsClaim && !holdsUpstream, "a connection without a claim")
        case .send:
            check(holdsClaim && holdsUpstream && answered == 0, "sent without a worker, or after an answer")
            check(mayHaveRun == 0 || request?.isIdempotent == true, "sent again what may have run")
            check(mayHaveRun < ExchangeStateMachine.maxSends, "sent too often")
            sends += 1
            if sends > 1 { totals.resends += 1 }
        case .forwardHead: answer()
        case .answer(_, let keepAlive):
            answer()
            check(!holdsClaim && !holdsUpstream && !holdsTicket, "answered by the gateway with a worker in hand")
            if !keepAlive { isClosed = true }
            check(keepAlive == (machine.state == .idle), "kept, or closed, against the state")
        case .nextRequest:
            check(answered == 1 && machine.state == .idle, "went on without an answer")
            check(!holdsClaim && !holdsUpstream, "went on with a worker in hand")
        case .closeClient, .breakOffClient:
            check(answered == 1 && machine.state == .closed, "closed without an answer")
            isClosed = true
        }
    }

    private mutating func answer() {
        answered += 1
        totals.answers += 1
        check(answered == 1, "answered twice")
    }

    // MARK: Small things

    private mutating func check(_ holds: Bool, _ what: StaticString) {
        if !holds, problem == nil { problem = what }
    }
    private mutating func note(_ event: StaticString, _ action: ExchangeAction) {
        if recent.count > 1000 { recent.removeFirst(900) }
        recent.append((event, action, machine.state))
    }
    private mutating func roll(_ sides: Int) -> Int { Int(random.next() % UInt64(sides)) }
    private mutating func chance(_ oneIn: Int) -> Bool { roll(oneIn) == 0 }
}

/// SplitMix64: the same seed gives the same events.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
