import Model

/// When the next core starts: at once after a first crash, then after 100 ms doubling to 10 s. Each 5 s of a life make up for
/// one crash: cores that work for a while cost nobody anything but the outage, and that is to be short; a life of 30 s clears the
/// record. A server whose core was never ready is not started again and again: whoever started it waits for an answer.
struct CoreRestarts: Sendable, Equatable {
    enum Decision: Equatable {
        case restart(after: Duration)
        case giveUp
    }

    static let longLife = Duration.seconds(30)
    static let lifeForOneFailure = Duration.seconds(5)
    static let firstDelay = Duration.milliseconds(100)
    static let longestDelay = Duration.seconds(10)
    static let livesWithoutReady = 3

    private var lastNumber: UInt32 = 0
    private var failures = 0
    private var wasEverReady = false

    init() {}

    /// Of an image of the supervisor before, whose core served.
    init(_ kept: SupervisorState.Restarts) {
        lastNumber = kept.lastNumber
        failures = Int(kept.failures)
        wasEverReady = true
    }

    var kept: SupervisorState.Restarts {
        SupervisorState.Restarts(lastNumber: lastNumber, failures: UInt32(clamping: failures))
    }

    mutating func nextNumber() -> UInt32 {
        lastNumber += 1
        return lastNumber
    }

    mutating func coreIsReady() { wasEverReady = true }

    mutating func coreEnded(after life: Duration) -> Decision {
        if !wasEverReady && lastNumber >= Self.livesWithoutReady { return .giveUp }
        let forgiven = life >= Self.longLife ? failures : Int(life / Self.lifeForOneFailure)
        failures = max(0, failures - forgiven) + 1
        if failures == 1 { return .restart(after: .zero) }
        let doublings = min(failures - 2, 7)
        return .restart(after: min(Self.firstDelay * (1 << doublings), Self.longestDelay))
    }
}
