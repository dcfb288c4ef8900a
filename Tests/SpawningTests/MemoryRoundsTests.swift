import Model
import Testing

@testable import Spawning

@Suite("When memory is measured") struct MemoryRoundsTests {
    private func at(_ milliseconds: Int) -> Instant { .zero + .milliseconds(milliseconds) }
    private func figures(_ own: Int) -> MemoryFigures {
        MemoryFigures(
            privateBytes: own, sharedBytes: 0, proportionalBytes: own, swapBytes: 0, processes: 1, isExact: true)
    }

    /// With one worker, w1 of pid 101, and a meter.
    private func measuring(hardLimit: Int = 0) -> MemoryRounds {
        var rounds = MemoryRounds()
        rounds.started(WorkerNumber(1), pid: 101, hardLimit: hardLimit, now: at(0))
        #expect(rounds.timePassed(now: at(1000)) == .replaceMeter)
        #expect(rounds.meterIsReady(now: at(1000)) == .ask([101]))
        return rounds
    }

    @Test func `nobody is asked about nothing`() {
        var rounds = MemoryRounds()
        #expect(rounds.nextDeadline == nil)
        #expect(rounds.timePassed(now: at(10_000)) == .none)
        rounds.started(WorkerNumber(1), pid: 101, hardLimit: 0, now: at(0))
        rounds.ended(WorkerNumber(1))
        #expect(rounds.nextDeadline == nil)
    }

    @Test func `a worker is measured soon after its start, then every five seconds`() {
        var rounds = measuring()
        #expect(rounds.answered(101, figures(7), now: at(1010)) == WorkerNumber(1))
        #expect(rounds.figures(WorkerNumber(1)) == figures(7))
        #expect(rounds.nextDeadline == at(6010))
        #expect(rounds.timePassed(now: at(6009)) == .none)
        #expect(rounds.timePassed(now: at(6010)) == .ask([101]))
    }

    @Test(arguments: [(49, 5000), (50, 1000), (74, 1000), (75, 250), (200, 250)])
    func `near its hard limit it is measured sooner`(_ percent: Int, _ milliseconds: Int) {
        var rounds = measuring(hardLimit: 1000)
        _ = rounds.answered(101, figures(percent * 10), now: at(1000))
        #expect(rounds.nextDeadline == at(1000 + milliseconds))
    }

    @Test func `what takes long is done seldom`() {
        var rounds = measuring(hardLimit: 1000)
        _ = rounds.answered(101, figures(900), now: at(1100))
        #expect(rounds.nextDeadline == at(1100 + 20 * 100))
    }

    @Test func `all that are due are one round, and each is waited for by itself`() {
        var rounds = measuring()
        _ = rounds.answered(101, figures(1), now: at(1000))
        for (number, pid) in [(2, 102), (3, 103)] as [(UInt32, Int32)] {
            rounds.started(WorkerNumber(number), pid: pid, hardLimit: 0, now: at(4900))
        }
        #expect(rounds.timePassed(now: at(6000)) == .ask([101, 102, 103]))
        #expect(rounds.answered(101, figures(1), now: at(10_000)) == WorkerNumber(1))
        #expect(rounds.nextDeadline == at(15_000))
        rounds.ended(WorkerNumber(2))
        #expect(rounds.answered(102, figures(1), now: at(10_001)) == nil)
        #expect(rounds.answered(101, figures(1), now: at(10_001)) == nil, "not asked about")
        #expect(rounds.answered(103, figures(1), now: at(10_002)) == WorkerNumber(3))
    }

    @Test func `a process that makes the meter wait for ever is not looked at closely again`() {
        var rounds = measuring()
        #expect(rounds.timePassed(now: at(5999)) == .none)
        #expect(rounds.timePassed(now: at(6000)) == .replaceMeter)
        #expect(rounds.nextDeadline == nil)
        #expect(rounds.meterIsReady(now: at(6001)) == .ask([-101]))
        #expect(rounds.answered(-101, figures(3), now: at(6002)) == WorkerNumber(1))
        #expect(rounds.figures(WorkerNumber(1)) == figures(3))
    }

    @Test func `a meter that is gone is replaced after a while`() {
        var rounds = measuring()
        rounds.meterIsGone(now: at(1500))
        #expect(rounds.nextDeadline == at(11_500))
        #expect(rounds.timePassed(now: at(11_499)) == .none)
        #expect(rounds.timePassed(now: at(11_500)) == .replaceMeter)
        #expect(rounds.meterIsReady(now: at(11_600)) == .ask([101]))
    }

    @Test func `a pid that is used again belongs to its new worker`() {
        var rounds = measuring()
        rounds.started(WorkerNumber(2), pid: 101, hardLimit: 0, now: at(1001))
        rounds.ended(WorkerNumber(1))
        #expect(rounds.answered(101, figures(1), now: at(1002)) == WorkerNumber(2))
    }

    @Test func `questions and answers have the layout of the machine`() {
        #expect(MeterWire.question([1, -2]) == [1, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF])
        let words: [Int64] = [101, 2, 1, 10, 20, 15, 3, 70]
        let answer = words.withUnsafeBytes { MeterWire.answer($0) }
        #expect(answer?.root == 101)
        #expect(
            answer?.figures
                == MemoryFigures(
                    privateBytes: 10, sharedBytes: 20, proportionalBytes: 15, swapBytes: 3, processes: 2, isExact: true,
                    cpuMicroseconds: 70))
        #expect(answer?.figures.ownBytes == 13)
        for broken in [[], [1], words + [1], [101, 2, 1, -10, 20, 15, 3, 70]] as [[Int64]] {
            #expect(broken.withUnsafeBytes { MeterWire.answer($0) } == nil)
        }
    }
}
