import Deploys
import Foundation
import Logging
import Model
import Pool
import Synchronization

/// Time that stands still until a test moves it.
final class ManualClock: Sendable {
    private let nanoseconds = Mutex<Int64>(1_000_000_000)
    var now: Instant { nanoseconds.withLock { Instant(nanoseconds: $0) } }
    func advance(_ duration: Duration) { nanoseconds.withLock { $0 += duration.wholeNanoseconds } }
}

/// Stops whoever comes to it until it is opened, and tells a test that somebody has come.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var visitors = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
        var watchers: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    /// Returns early when the task is cancelled, as every seam promises.
    func pass() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (goes, watchers) = state.withLock { state in
                    state.visitors += 1
                    let watchers = state.watchers
                    state.watchers = []
                    if state.isOpen || Task.isCancelled { return (true, watchers) }
                    state.waiting.append(continuation)
                    return (false, watchers)
                }
                for watcher in watchers { watcher.resume() }
                if goes { continuation.resume() }
            }
        } onCancel: {
            open()
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// For those who come from now on.
    func close() { state.withLock { $0.isOpen = false } }

    func waitForVisitor() async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.visitors > 0 { return true }
                state.watchers.append(continuation)
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}

/// A pool of generations in an array, which notes everything that is asked of it.
final class FakeHost: GenerationHost {
    struct State {
        var live: LiveGeneration?
        var next: UInt32 = 1
        var whole: Set<GenerationNumber> = []
        var calls: [String] = []
        var specs: [GenerationNumber: GenerationSpec] = [:]
        var counts: [GenerationNumber: TrafficCounts] = [:]
        var bootFailure: BootFailure?
        var trialFailure: BootFailure?
        var isReady = true
        var refusesSwitch = false
        /// Not gone yet.
        var draining: [GenerationNumber] = []
        var inUse: Set<DeployNumber> = []
        var routes: [GenerationNumber: [RouteTraffic]] = [:]
        var perWorker: Int?
        var available: Int?
    }
    let state = Mutex(State())
    let bootGate = Gate()
    let growGate = Gate()

    init(gates: Bool = false) {
        if !gates {
            bootGate.open()
            growGate.open()
        }
    }

    var calls: [String] { state.withLock { $0.calls } }
    func change(_ body: (inout sending State) -> Void) { state.withLock { body(&$0) } }

    func waitUntilGone(_ generation: GenerationNumber) async {}

    func setScale(_ workers: Int?) { state.withLock { $0.calls.append("scale app \(workers.map { "\($0)" } ?? "-")") } }
    func setPause(hold: Duration?) {
        state.withLock { $0.calls.append("pause \(hold.map { "\($0.inSeconds)" } ?? "-")") }
    }

    func liveGeneration() -> LiveGeneration? { state.withLock { $0.live } }

    func boot(_ spec: GenerationSpec) async throws(GenerationFailure) -> BootedGeneration {
        await bootGate.pass()
        let (number, failure) = state.withLock { state in
            let number = GenerationNumber(state.next)
            state.next += 1
            state.calls.append("boot \(number) \(spec.release?.name ?? "in place") x\(spec.workers)")
            if state.bootFailure == nil {
                state.whole.insert(number)
                state.specs[number] = spec
            }
            return (number, state.bootFailure)
        }
        if let failure { throw GenerationFailure(generation: number, failure: failure, failures: 2) }
        return BootedGeneration(number: number, weakProof: false, bootTime: .zero)
    }

    func trial(_ spec: GenerationSpec) async throws(GenerationFailure) {
        let failure = state.withLock { state in
            state.calls.append("trial \(spec.release?.name ?? "in place")")
            return state.trialFailure
        }
        if let failure { throw GenerationFailure(generation: GenerationNumber(0), failure: failure, failures: 1) }
    }

    func bootLive(_ spec: GenerationSpec) -> GenerationNumber {
        state.withLock { state in
            let number = GenerationNumber(state.next)
            state.next += 1
            state.calls.append("bootLive \(number) \(spec.release?.name ?? "in place")")
            state.live = LiveGeneration(number: number, workers: spec.workers)
            state.whole.insert(number)
            state.specs[number] = spec
            return number
        }
    }

    func switchTraffic(to generation: GenerationNumber) -> GenerationNumber? {
        state.withLock { state in
            guard state.whole.contains(generation), !state.refusesSwitch else { return nil }
            let previous = state.live?.number
            state.calls.append("switch \(generation)")
            state.live = LiveGeneration(number: generation, workers: state.specs[generation]?.workers ?? 1)
            return previous
        }
    }

    func restartFailed(_ failure: BootFailure) {
        state.withLock { $0.calls.append("shows \(failure.step): \(failure.summary)") }
    }

    func share(_ generation: GenerationNumber, percent: Double?) {
        state.withLock { state in
            state.calls.append("share \(generation) \(percent.map { "\($0)" } ?? "-")")
            precondition(percent == nil || state.whole.contains(generation), "a share for what is not there")
        }
    }
    func waitUntilEmpty(_ generation: GenerationNumber, deadline: Instant) async -> Bool {
        state.withLock { state in
            state.calls.append("empty \(generation)")
            return state.isReady
        }
    }
    func drainingGenerations() -> [GenerationNumber] { state.withLock { $0.draining } }
    func releasesInUse() -> Set<DeployNumber> { state.withLock { $0.inUse } }
    func workerCount() -> Int {
        state.withLock { state in (state.whole.union(state.draining)).reduce(0) { $0 + (state.specs[$1]?.workers ?? 0) }
        }
    }
    func generationCount() -> Int { state.withLock { $0.whole.count + $0.draining.count } }
    func hurry(_ generation: GenerationNumber) {
        state.withLock { state in
            state.calls.append("hurry \(generation)")
            state.draining.removeAll { $0 == generation }
        }
    }
    func routes(of generation: GenerationNumber) -> [RouteTraffic] { state.withLock { $0.routes[generation] ?? [] } }
    func lastLines(of generation: GenerationNumber) -> [String] { ["a line of \(generation)"] }
    func memoryPerWorker(of generation: GenerationNumber) -> Int? { state.withLock { $0.perWorker } }
    func availableMemory() -> Int? { state.withLock { $0.available } }
    func memoryPressure() -> Double? { nil }

    func drain(_ generation: GenerationNumber, within: Duration) { end("drain", generation) }
    func discard(_ generation: GenerationNumber) { end("discard", generation) }

    private func end(_ what: String, _ generation: GenerationNumber) {
        state.withLock { state in
            state.calls.append("\(what) \(generation)")
            precondition(state.live?.number != generation, "the live generation must never be ended")
            state.whole.remove(generation)
        }
    }

    func park(_ generation: GenerationNumber, workers: Int) {
        state.withLock { $0.calls.append("park \(generation) x\(workers)") }
    }
    func scale(_ generation: GenerationNumber, workers: Int) {
        state.withLock { $0.calls.append("scale \(generation) x\(workers)") }
    }
    func waitUntilReady(_ generation: GenerationNumber, workers: Int, deadline: Instant) async -> Bool {
        await growGate.pass()
        return state.withLock { $0.isReady }
    }
    func readyWorkers(of generation: GenerationNumber) -> Int {
        state.withLock { $0.specs[generation]?.workers ?? 1 }
    }
    func traffic(of generation: GenerationNumber) -> TrafficCounts {
        state.withLock { $0.counts[generation] ?? TrafficCounts() }
    }
}

/// A deploy root in memory.
final class FakeBuilder: ReleaseBuilding {
    struct State {
        var calls: [String] = []
        var commit = String(repeating: "a", count: 40)
        var failures: [String: DeployFailure] = [:]
        /// Commits that are part of the history of whatever is live.
        var older: Set<String> = []
        var onDisk: [ReleaseLocation] = []
        var current: String?
        /// What another tool has left there.
        var takeover: Takeover?
        var sharedLinks = SharedLinks()
        var formerRepository: FormerRepository?
        /// Where `current` leads to for somebody who has moved it.
        var place: CurrentPlace?
        /// What was to be linked, last.
        var shared: [String] = []
        /// Releases that cannot be deleted: files of another user's.
        var stubborn: Set<DeployNumber> = []
    }
    let state = Mutex(State())
    let fetchGate = Gate()

    init(gates: Bool = false) { if !gates { fetchGate.open() } }

    var calls: [String] { state.withLock { $0.calls } }
    var current: String? { state.withLock { $0.current } }
    func change(_ body: (inout sending State) -> Void) { state.withLock { body(&$0) } }

    private func call(_ name: String) throws(DeployFailure) {
        let failure = state.withLock { state in
            state.calls.append(name)
            return state.failures[name]
        }
        if let failure { throw failure }
    }

    func prepareRoot() async throws(DeployFailure) { try call("prepareRoot") }
    func fetch(
        _ repository: String, allowMirrored: Bool, progress: @escaping NewsHandler
    ) async throws(DeployFailure) {
        await fetchGate.pass()
        if Task.isCancelled { throw .cancelled }
        progress(.progress(StepProgress(done: 1, total: 2, unit: "objects")))
        try call("fetch")
    }
    func resolve(_ ref: String?) async throws(DeployFailure) -> ResolvedCommit {
        try call("resolve")
        return ResolvedCommit(id: state.withLock { $0.commit }, author: "Ann", subject: "Change", ref: ref ?? "main")
    }
    func isAncestor(_ commit: ResolvedCommit, of revision: String) async throws(DeployFailure) -> Bool {
        try call("isAncestor")
        return state.withLock { $0.older.contains(commit.id) }
    }
    func checkOut(
        _ commit: ResolvedCommit, of repository: String?, as number: DeployNumber, settings: DeploySettings,
        progress: @escaping NewsHandler
    ) async throws(DeployFailure) -> ReleaseLocation {
        try call("checkout")
        let location = FakeBuilder.location(number.rawValue, commit.id)
        state.withLock { $0.onDisk.append(location) }
        return location
    }
    func link(_ release: ReleaseLocation, shared: [String]) async throws(DeployFailure) {
        state.withLock { $0.shared = shared }
        try call("link")
    }
    func currentPlace() async throws(DeployFailure) -> CurrentPlace {
        state.withLock { $0.place ?? $0.current.map { .release($0) } ?? .nowhere }
    }
    func takeover() async throws(DeployFailure) -> Takeover? { state.withLock { $0.takeover } }
    func formerRepository() async throws(DeployFailure) -> FormerRepository? { state.withLock { $0.formerRepository } }
    func sharedLinks(in release: ReleaseLocation) async throws(DeployFailure) -> SharedLinks {
        state.withLock { $0.sharedLinks }
    }
    func seal(_ release: ReleaseLocation) async throws(DeployFailure) { try call("seal") }
    func moveCurrent(to release: ReleaseLocation) async throws(DeployFailure) {
        try call("moveCurrent")
        state.withLock { state in
            state.current = release.label.name
            state.place = nil
        }
    }
    func releases() async throws(DeployFailure) -> [ReleaseLocation] { state.withLock { $0.onDisk } }
    func prune(_ releases: [ReleaseLocation]) async -> [DeployNumber] {
        state.withLock { state in
            let going = releases.filter { !state.stubborn.contains($0.label.number) }
            let gone = Set(going.map(\.directory))
            state.onDisk.removeAll { gone.contains($0.directory) }
            state.calls.append("prune \(releases.map(\.label.name).joined(separator: " "))")
            return going.map(\.label.number)
        }
    }

    static func location(_ number: Int, _ commit: String) -> ReleaseLocation {
        let name = "\(number)-\(commit.prefix(7))"
        return ReleaseLocation(
            label: ReleaseLabel(number: DeployNumber(number), name: name, revision: commit),
            directory: "/srv/app/releases/\(name)")
    }
}

final class FakeCommands: CommandRunning {
    struct State {
        var ran: [String] = []
        var environments: [String: [[String: String]]] = [:]
        /// Commands that wait there.
        var gates: [String: Gate] = [:]
        var ends: [String: RecordedEnd] = [:]
        var recorded: [String: RecordedEnd] = [:]
        /// Since the core before, by record: over when the gate is opened.
        var running: [String: Gate] = [:]
        var followed: [String] = []
        var ended: [String] = []
    }
    let state = Mutex(State())
    var ran: [String] { state.withLock { $0.ran } }
    var environments: [String: [[String: String]]] { state.withLock { $0.environments } }
    func hold(_ command: String) -> Gate {
        let gate = Gate()
        state.withLock { $0.gates[command] = gate }
        return gate
    }
    func end(_ command: String, _ end: RecordedEnd) { state.withLock { $0.ends[command] = end } }

    func run(
        _ command: RunnerCommand, record: String, output: @escaping @Sendable (String) -> Void
    ) async throws(DeployFailure) -> RecordedEnd {
        output("output of \(command.command)")
        await state.withLock { $0.gates[command.command] }?.pass()
        return state.withLock { state in
            state.ran.append(command.command)
            state.environments[command.command, default: []].append(command.environment)
            return state.ends[command.command] ?? .ended(.exited(0))
        }
    }
    func follow(_ record: String, output: @escaping @Sendable (String) -> Void) async -> RecordedEnd? {
        let gate = state.withLock { state in
            state.followed.append(record)
            return state.running.removeValue(forKey: record)
        }
        await gate?.pass()
        return state.withLock { $0.recorded[record] }
    }
    func trace(of record: String) -> CommandTrace {
        state.withLock { state in
            if state.running[record] != nil { return .running }
            return state.recorded[record].map { $0 == .unknown ? .lost : .ended } ?? .neverStarted
        }
    }
    func unfollowed() -> [String] { state.withLock { $0.running.keys.sorted() } }
    func end(_ records: [String]) { state.withLock { $0.ended += records } }
    func forget(_ records: [String]) {
        state.withLock { state in for record in records { state.recorded[record] = nil } }
    }
    /// Runs under a runner of the core before, and will end so.
    func inherit(_ record: String, endingWith end: RecordedEnd = .ended(.exited(0))) -> Gate {
        let gate = Gate()
        state.withLock { state in
            state.running[record] = gate
            state.recorded[record] = end
        }
        return gate
    }
}

final class FakeNotifier: Notifying {
    struct State {
        var calls: [WebhookCall] = []
        var failure: DeployFailure?
    }
    let state = Mutex(State())
    func notify(_ call: WebhookCall) async throws(DeployFailure) {
        let failure = state.withLock { state in
            state.calls.append(call)
            return state.failure
        }
        if let failure { throw failure }
    }
}

final class FakeSettings: SettingsReading {
    struct State {
        var settings: AppSettings
        var failure: DeployFailure?
        var repository: String? = "/srv/repo.git"
        var secrets: [String] = []
    }
    let state: Mutex<State>
    let changesVariables = Mutex(false)

    init() {
        var settings = AppSettings(name: AppName(sanitizing: "blog"), directory: "/srv/app", kind: .rack)
        settings.deploy.bake = .seconds(10)
        settings.deploy.build = ["make"]
        settings.deploy.beforeBoot = ["migrate"]
        state = Mutex(State(settings: settings))
    }

    func change(_ body: (inout sending State) -> Void) { state.withLock { body(&$0) } }

    var mask: SecretMask { SecretMask(state.withLock { $0.secrets }) }

    func preview(release: ReleaseLocation?) async throws(DeployFailure) -> SettingsPreview {
        SettingsPreview(
            settings: try await settings(release: release), changesVariables: changesVariables.withLock { $0 })
    }

    func settings(release: ReleaseLocation?) async throws(DeployFailure) -> AppSettings {
        let (settings, failure) = state.withLock { ($0.settings, $0.failure) }
        if let failure { throw failure }
        var answer = settings
        answer.directory = release?.directory ?? "/srv/app"
        return answer
    }
    func deploySettings() async throws(DeployFailure) -> DeploySettings {
        var settings = DeploySettings()
        (settings.repo, settings.source) = state.withLock { ($0.repository, $0.settings.deploy.source) }
        return settings
    }
}

/// Notes what is asked of companions, and which generation has the traffic then.
final class FakeCompanions: CompanionKeeping {
    struct State {
        var calls: [String] = []
        var troubles: [String: String] = [:]
    }
    let state = Mutex(State())
    let host: FakeHost

    init(host: FakeHost) { self.host = host }

    /// What was asked for since the last time.
    func takeCalls() -> [String] {
        state.withLock { state in
            defer { state.calls = [] }
            return state.calls
        }
    }

    func quiet() { note("quiet") }
    func resume() { note("resume") }
    func replace(with settings: AppSettings, release: ReleaseLabel?) {
        note("man \(release?.name ?? "in place") in \(settings.directory)")
    }
    func troubles() -> [String: String] { state.withLock { $0.troubles } }

    private func note(_ call: String) {
        let live = host.liveGeneration().map { "\($0.number)" } ?? "nothing"
        state.withLock { $0.calls.append("\(call) while \(live) is live") }
    }
}

/// A directory that is gone with its test.
final class TemporaryDirectory: Sendable {
    let path: String
    init() throws {
        path = NSTemporaryDirectory() + "deploys-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

let somebody = Requester(uid: 1000, pid: 4242, user: "ann", command: "passenger deploy")
let noWorker = BootFailure(
    step: "load_app", summary: "SyntaxError in config.ru:1", outputTail: ["config.ru:1: syntax error"])
