package import Foundation
package import Logging
package import Model
import Pool

/// Every operation on one app: at most one runs, and every change of what is live goes through here.
///
/// A thin shell. `DeployStateMachine` decides; `feed` hands it what happened and performs what it answers. Steps run in
/// tasks of their own and come back through `stepEnded`, so an abort or a rollback never waits for one to return.
package actor AppOperations {
    /// Everything with an effect. Without `host` no server runs and a deploy ends sealed; without `builder` the app is
    /// served in place and can only be restarted.
    package struct Parts: Sendable {
        package var host: (any GenerationHost)?
        package var builder: (any ReleaseBuilding)?
        package var commands: (any CommandRunning)?
        package var companions: (any CompanionKeeping)?
        package var notifier: (any Notifying)?
        package var settings: any SettingsReading
        package var journal: Journal?
        package var lock: (any OperationLocking)?
        /// Without a journal: is told what people have set, for the core after this one (`AppOperations.restore`).
        package var keepCapacity: (@Sendable (CapacityRecord) -> Void)?
        package var now: @Sendable () -> Instant
        package var date: @Sendable () -> Date
        package var logger: Logger
        /// This core has taken the place of one that died, of the same server.
        package var isSuccessor = false

        package init(
            host: (any GenerationHost)?, builder: (any ReleaseBuilding)? = nil, commands: (any CommandRunning)? = nil,
            companions: (any CompanionKeeping)? = nil, settings: any SettingsReading, journal: Journal? = nil,
            lock: (any OperationLocking)? = nil,
            now: @escaping @Sendable () -> Instant, date: @escaping @Sendable () -> Date = { Date() }, logger: Logger
        ) {
            self.host = host
            self.builder = builder
            self.commands = commands
            self.companions = companions
            self.settings = settings
            self.journal = journal
            self.lock = lock
            self.now = now
            self.date = date
            self.logger = logger
        }
    }

    package nonisolated let app: AppName
    let parts: Parts

    /// What gets the traffic. Changed only by a switch.
    var live: BootedCode?
    /// Kept warm for a rollback. Never the live one.
    var standby: StandbyCode?
    /// Whose companions run, or were told to.
    var manned: GenerationNumber?
    var run: OperationRun?
    /// Accepted, not begun: at most one of a kind.
    var waiting: [OperationTicket] = []
    var finished: [OperationHandle] = []
    var records: [DeployNumber: DeployRecord] = [:]
    var liveRecord = LiveRecord()
    /// Highest number that a journal or a directory has taken.
    var highestNumber = DeployNumber(0)
    var hasReadJournal = false
    /// The deploy that the core before was at, and that is gone on with where it was.
    var continuing: DeployNumber?
    /// Of journals that cannot be read, and of release directories.
    var numbersOnDisk: [DeployNumber] = []
    /// From the start: damaged files, a configuration that could not be used.
    var startProblems: [String] = []
    /// Nothing was deployed here yet: what another tool has left may be taken over.
    var isTakeoverDue = false
    /// That `current` was moved by another tool.
    var foreignCurrent: String?
    /// Of a takeover, for the deploys that come first.
    var takeoverWarnings: [String] = []
    var lastOutcome: OperationOutcome?
    private var nextOperation = 0
    /// The last move of `current` that was begun.
    var currentMove: Task<Void, Never>?
    var pruning: Task<Void, Never>?
    /// Hooks that are to be run, and what runs them, if there are any.
    var hooks: [Hook] = []
    var hookTask: Task<Void, Never>?
    var runningHook: Hook?
    var heldEnds: [HeldEnd] = []
    private var loading: Task<Void, Never>?
    private(set) var isShuttingDown = false
    /// Another core is about to take over.
    var isHolding = false

    package init(app: AppName, parts: Parts) {
        self.app = app
        self.parts = parts
    }

    var ledger: ReleaseLedger {
        ReleaseLedger(records: Array(records.values), live: liveRecord.live?.label.number)
    }

    /// Reads journals and release directories, once, however many callers there are.
    func loadOnce() async {
        if loading == nil { loading = Task { await self.load() } }
        await loading?.value
    }

    func makeTicket(_ request: OperationRequest) -> OperationTicket {
        nextOperation += 1
        return OperationTicket(
            number: OperationNumber(nextOperation), request: request, since: parts.date(),
            log: OperationLog(date: parts.date) { [settings = parts.settings] in settings.mask })
    }

    /// Call every 100 ms while the app is served: the bake's verdicts, and the standby's age, companions once it serves.
    package func tick() {
        look()
        tickStandby()
        manWhenServing()
    }

    /// What runs, or waits to run; nil when another core could take over without anything being interrupted.
    package var work: String? {
        if let request = run?.ticket.request { return request.kind.rawValue }
        if hookTask != nil { return "a hook" }
        return waiting.allSatisfy { isHolding($0.request) } ? nil : "an operation"
    }

    /// Stops what runs so that a later core can go on from its record, and waits for it. What is live stays live.
    package func shutDown() async {
        isShuttingDown = true
        for ticket in waiting { close(ticket, .init(.interrupted, summary: "the server is shutting down")) }
        waiting = []
        stopHooks()
        if let log = run?.ticket.log {
            feed(.interrupt)
            _ = await log.waitForOutcome()
        }
        await hookTask?.value
        _ = await parts.journal?.flush()
    }

    /// Hands the machine what happened, and does what it answers.
    func feed(_ event: DeployStateMachine.Event) {
        guard var actions = run?.machine.handle(event, now: parts.now()) else { return }
        while !actions.isEmpty {
            guard let answer = perform(actions.removeFirst()) else { continue }
            actions += run?.machine.handle(answer, now: parts.now()) ?? []
        }
        if run == nil { beginNext() }
    }

    /// Ends an operation that never ran.
    func close(_ ticket: OperationTicket, _ outcome: OperationOutcome) {
        ticket.log.append(.finished(outcome))
        remember(ticket.handle())
    }

    func remember(_ handle: OperationHandle) {
        finished.append(handle)
        if finished.count > 20 { finished.removeFirst() }
    }
}
