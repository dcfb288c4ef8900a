import Pool
import Testing

@testable import Gateway

@Suite("An exchange")
struct ExchangeStateMachineTests {
    private let get = ExchangeStateMachine.Request(isIdempotent: true, hasBody: false)
    private let post = ExchangeStateMachine.Request(isIdempotent: false, hasBody: true)

    private func sent(_ request: ExchangeStateMachine.Request, reused: Bool = false) -> ExchangeStateMachine {
        var machine = ExchangeStateMachine()
        _ = machine.requestHead(request)
        _ = machine.bodyEnded()
        _ = machine.granted()
        #expect(machine.connected(reused: reused) == ExchangeAction(.send))
        return machine
    }

    @Test("a request without a body asks for a worker at once")
    func asksAtOnce() {
        var machine = ExchangeStateMachine()
        #expect(machine.requestHead(get) == ExchangeAction(.checkout))
    }

    @Test("a request with a body holds no worker until the body is there")
    func bodyFirst() {
        var machine = ExchangeStateMachine()
        #expect(machine.requestHead(post) == ExchangeAction(.receiveBody))
        #expect(machine.bodyEnded() == ExchangeAction(.checkout))
        #expect(machine.granted() == ExchangeAction(.connect(reusing: true)))
    }

    @Test("an answer gives the worker back and keeps both connections")
    func keeps() {
        var machine = sent(get)
        #expect(machine.answerHead() == ExchangeAction(.forwardHead))
        let end = machine.answerEnded(isError: false, keepUpstream: true, keepClient: true)
        #expect(end == ExchangeAction(claim: .giveBack(.ok), upstream: .release, .nextRequest))
        #expect(machine.state == .idle)
    }

    @Test("an error of the app's own is counted as one")
    func appError() {
        var machine = sent(get)
        _ = machine.answerHead()
        let end = machine.answerEnded(isError: true, keepUpstream: false, keepClient: false)
        #expect(end == ExchangeAction(claim: .giveBack(.appError), upstream: .close, .closeClient))
    }

    @Test("a worker that cannot be connected to is suspected, and another one asked, whatever the method")
    func connectFails() {
        var machine = ExchangeStateMachine()
        _ = machine.requestHead(post)
        _ = machine.bodyEnded()
        for miss in 1...ExchangeStateMachine.maxMisses {
            #expect(machine.granted() == ExchangeAction(.connect(reusing: miss == 1)))
            let last = miss == ExchangeStateMachine.maxMisses
            #expect(
                machine.connectFailed(isBusy: false)
                    == ExchangeAction(
                        claim: .giveBackUnreachable, last ? .answer(.workerUnreachable, keepAlive: true) : .checkout))
        }
        #expect(machine.state == .idle)
    }

    @Test("a full backlog is met with patience, the claim being kept")
    func backlogFull() {
        var machine = ExchangeStateMachine()
        _ = machine.requestHead(get)
        _ = machine.granted()
        var patience = Duration.zero
        for _ in 1...ExchangeStateMachine.maxBusyTries {
            let action = machine.connectFailed(isBusy: true)
            guard case .connectAgain(let delay) = action.step else { return #expect(Bool(false), "\(action)") }
            #expect(action.claim == .keep)
            patience += delay
        }
        #expect(patience > .seconds(4) && patience < .seconds(6))
        #expect(
            machine.connectFailed(isBusy: true)
                == ExchangeAction(claim: .giveBack(.gatewayError), .answer(.workerBusy, keepAlive: true)))
    }

    @Test("any method is sent again when its head did not reach the worker, on a new connection")
    func writeFails() {
        var machine = sent(post, reused: true)
        #expect(machine.writeFailed() == ExchangeAction(claim: .giveBack(.notForwarded), upstream: .close, .checkout))
        #expect(machine.granted() == ExchangeAction(.connect(reusing: false)))
    }

    @Test("what must not run twice is not sent again once it was written", arguments: [true, false])
    func notTwice(_ reused: Bool) {
        var machine = sent(post, reused: reused)
        #expect(
            machine.upstreamLost(.workerDied)
                == ExchangeAction(
                    claim: .giveBack(.gatewayError), upstream: .close, .answer(.workerDied, keepAlive: true)))
    }

    @Test("what may run twice is sent again once, and no further when a new connection dies as well")
    func oncemore() {
        var machine = sent(get, reused: true)
        let again = ExchangeAction(claim: .giveBackUnreachable, upstream: .close, .checkout)
        #expect(machine.upstreamLost(.workerDied) == again)
        _ = machine.granted()
        _ = machine.connected(reused: false)
        #expect(machine.upstreamLost(.workerDied).step == .answer(.workerDied, keepAlive: true))
    }

    @Test("nothing is sent again after a byte of an answer: the client is cut off")
    func cutOff() {
        for event in [
            { (machine: inout ExchangeStateMachine) in machine.upstreamLost(.workerDied) },
            { $0.upstreamSentGarbage() }, { $0.streamTimedOut() },
        ] {
            var machine = sent(get)
            _ = machine.answerHead()
            #expect(
                event(&machine)
                    == ExchangeAction(claim: .giveBack(.gatewayError), upstream: .close, .breakOffClient))
            #expect(machine.state == .closed)
        }
    }

    @Test("a request that takes too long is given up, and the pool hears why")
    func overdue() {
        var machine = sent(get)
        #expect(
            machine.upstreamTimedOut()
                == ExchangeAction(
                    claim: .giveBackOverdue, upstream: .close, .answer(.workerTimedOut, keepAlive: true)))
        machine = sent(get)
        _ = machine.answerHead()
        #expect(
            machine.upstreamTimedOut()
                == ExchangeAction(claim: .giveBackOverdue, upstream: .close, .breakOffClient))
        #expect(machine.streamTimedOut() == .ignore)
    }

    @Test("an answer that is no HTTP is never a reason to send again")
    func garbage() {
        var machine = sent(get, reused: true)
        #expect(machine.upstreamSentGarbage().step == .answer(.badAnswer, keepAlive: true))
    }

    @Test("a client that leaves while it waits leaves the queue, and a grant that was on its way is given back")
    func leaves() {
        var machine = ExchangeStateMachine()
        _ = machine.requestHead(get)
        #expect(machine.clientGone() == ExchangeAction(claim: .cancelTicket, .none))
        #expect(machine.granted() == ExchangeAction(claim: .giveBack(.notForwarded), .none))
        #expect(machine.refused(.shuttingDown) == .ignore)
    }

    @Test("a refused request ends the connection, a refused checkout does not")
    func refusals() {
        var machine = ExchangeStateMachine()
        _ = machine.requestHead(post)
        #expect(machine.requestRefused(.requestTimeout).step == .answer(.requestTimeout, keepAlive: false))
        #expect(machine.state == .closed)
        machine = ExchangeStateMachine()
        _ = machine.requestHead(get)
        #expect(machine.refused(.queueFull(status: 503)).step == .answer(.queueFull(status: 503), keepAlive: true))
        #expect(machine.state == .idle)
    }
}
