import Health
import Linux
import Model
import Pool
import Synchronization

/// Asks workers for their health until the verdict is in, each worker one probe at a time.
///
/// A worker that is new is asked until it is proved or its time is up, and then for its warm-up paths; one that serves is
/// asked once.
final class WorkerProver: Sendable {
    private final class Round: Sendable {
        let endpoint: WorkerEndpoint
        let isNew: Bool
        let deadline: Instant
        let verdict: Mutex<HealthVerdict>

        init(_ endpoint: WorkerEndpoint, isNew: Bool, found: FoundPath? = nil, now: Instant) {
            self.endpoint = endpoint
            self.isNew = isNew
            let settings = endpoint.settings
            let health = isNew ? settings.health : settings.health.once
            deadline = now + (health.deadline ?? settings.pool.startTimeout)
            verdict = Mutex(
                HealthVerdict(
                    health, found: found, serverName: settings.serverNames.first,
                    startTimeout: settings.pool.startTimeout, now: now))
        }
    }

    private struct Version: Hashable {
        var app: AppName
        var generation: GenerationNumber
        init(_ app: AppName, _ generation: GenerationNumber) {
            self.app = app
            self.generation = generation
        }
        init(_ endpoint: WorkerEndpoint) { self.init(endpoint.settings.name, endpoint.generation) }
    }

    /// The pool gives up a moment later.
    private static let workTime = Duration.seconds(290)

    /// A worker hears it between two requests. No longer: probes wait for the same threads, and it can be said again.
    private static let tellTime = Duration.milliseconds(250)

    private let parts: SpawningParts
    private let pool: Pool
    /// The round under way for each worker; one that is no longer here is over, whatever its probe still says.
    private let rounds = Mutex<[WorkerNumber: Round]>([:])

    /// By the first worker that proved itself, where the settings name no path; until the generation is gone.
    private let found = Mutex<[Version: FoundPath]>([:])

    init(parts: SpawningParts, pool: Pool) {
        self.parts = parts
        self.pool = pool
    }

    func prove(_ endpoint: WorkerEndpoint) {
        let known = found.withLock { $0[Version(endpoint)] }
        begin(Round(endpoint, isNew: true, found: known, now: monotonicNow()))
    }

    func probe(_ endpoint: WorkerEndpoint) { begin(Round(endpoint, isNew: false, now: monotonicNow())) }

    /// One request that no client could make; the loader answers when the work is done.
    func work(_ endpoint: WorkerEndpoint) {
        parts.runBlocking { [pool] in
            var request = ProbeRequest(HealthSettings())
            request.task = "oob_work"
            let result = HealthProbe.run(
                address: ProbeAddress(endpoint.address), wireProtocol: ProbeProtocol(endpoint.wireProtocol),
                request: request, timeLimit: Self.workTime)
            let isDone = if case .success(let answer) = result.outcome { answer.status == 204 } else { false }
            let failure = BootFailure(step: "oob_work", summary: "the work failed", details: result.report)
            pool.workerWorked(endpoint.worker, isDone ? nil : failure)
        }
    }

    /// What has become of its generation.
    func tell(_ state: GenerationPhase, at address: WorkerAddress) -> PhaseTeller.Answer {
        var request = ProbeRequest(HealthSettings())
        request.task = "state \(state.rawValue)"
        let result = HealthProbe.run(
            address: ProbeAddress(address), wireProtocol: .session, request: request, timeLimit: Self.tellTime)
        return switch result.outcome {
        case .success(let answer): answer.status == 204 ? .heard : .failed
        case .failure: .busy
        }
    }

    // MARK: Workers of an earlier core

    /// The first try finds every worker that has nothing to do. Others are at a request that the core before gave them.
    private static let firstGreeting = Duration.milliseconds(250)
    private static let longestPause = Duration.seconds(5)

    /// Until it answers, whatever that is: then it is there, and its health is for the probes to judge. Silence means
    /// nothing, but where nobody listens any more nobody will answer.
    func greet(_ endpoint: WorkerEndpoint, _ phase: GenerationPhase) {
        var request = ProbeRequest(endpoint.settings.health, serverName: endpoint.settings.serverNames.first)
        // It knows that already: a question that none of the app's code is asked.
        if endpoint.wireProtocol == .session { request.task = "state \(phase.rawValue)" }
        let round = Round(endpoint, isNew: true, now: monotonicNow())
        rounds.withLock { $0[endpoint.worker] = round }
        greet(round, request, Self.firstGreeting)
    }

    private func greet(_ round: Round, _ request: ProbeRequest, _ timeLimit: Duration) {
        parts.runBlocking { [self] in
            guard let result = ask(round, request, timeLimit), isCurrent(round) else { return }
            let worker = round.endpoint.worker
            switch result.outcome {
            case .failure(let failure) where failure.kind == .connect:
                forget(worker)
                pool.workerUnhealthy(worker, BootFailure(step: "health", summary: failure.message))
            // Perhaps it closed what the core before had left it.
            case .failure(let failure) where failure.kind == .timedOut || failure.kind == .closed:
                let longer = min(timeLimit * 2, Self.longestPause)
                parts.schedule(longer) { [self] in greet(round, request, longer) }
            case .success, .failure:
                forget(worker)
                pool.workerProved(worker, weak: false)
            }
        }
    }

    func forget(_ generation: GenerationNumber, of app: AppName) {
        found.withLock { _ = $0.removeValue(forKey: Version(app, generation)) }
    }

    private func remember(_ path: FoundPath, of version: Version) {
        found.withLock { $0[version] = $0[version] ?? path }
    }

    func forget(_ worker: WorkerNumber) { rounds.withLock { _ = $0.removeValue(forKey: worker) } }

    private func begin(_ round: Round) {
        rounds.withLock { $0[round.endpoint.worker] = round }
        perform(round.verdict.withLock { $0.start(now: monotonicNow()) }, round)
    }

    private func isCurrent(_ round: Round) -> Bool { rounds.withLock { $0[round.endpoint.worker] === round } }

    private func perform(_ action: HealthVerdict.Action, _ round: Round) {
        let endpoint = round.endpoint
        guard isCurrent(round) else { return }
        switch action {
        case .probe(let delay, let timeLimit, let request):
            parts.schedule(delay) { [self] in
                parts.runBlocking { [self] in
                    guard let result = ask(round, request, timeLimit) else { return }
                    perform(round.verdict.withLock { $0.probeFinished(result, now: monotonicNow()) }, round)
                }
            }
        case .proved(let weak, let note):
            if round.isNew {
                let (path, found) = round.verdict.withLock { ($0.path, $0.found) }
                if let found { remember(found, of: Version(endpoint)) }
                if let note {
                    parts.notice(endpoint.settings.name, .worker(endpoint.worker, of: endpoint.generation), note)
                }
                warmUp(round, endpoint.settings.health.warmup[...]) { [self] in
                    forget(endpoint.worker)
                    pool.workerProved(endpoint.worker, weak: weak, by: path)
                }
            } else {
                forget(endpoint.worker)
                pool.workerProbed(endpoint.worker, nil)
            }
        case .failed(let failure):
            forget(endpoint.worker)
            let whole = BootFailure(
                step: "health", summary: failure.summary, details: failure.details, hint: failure.hint)
            if round.isNew {
                pool.workerUnhealthy(endpoint.worker, whole)
            } else {
                pool.workerProbed(endpoint.worker, whole)
            }
        }
    }

    /// Nil: nobody waits for it any more.
    private func ask(_ round: Round, _ request: ProbeRequest, _ timeLimit: Duration) -> ProbeResult? {
        guard isCurrent(round) else { return nil }
        let endpoint = round.endpoint
        return HealthProbe.run(
            address: ProbeAddress(endpoint.address), wireProtocol: ProbeProtocol(endpoint.wireProtocol),
            request: request, timeLimit: timeLimit)
    }

    /// One after another, as long as the worker's time allows. What they answer proves nothing, but is worth a line.
    private func warmUp(_ round: Round, _ paths: ArraySlice<String>, then done: @escaping @Sendable () -> Void) {
        let settings = round.endpoint.settings
        let left = round.deadline - monotonicNow()
        guard let path = paths.first, left > .zero else { return done() }
        var health = settings.health
        health.path = path
        let request = ProbeRequest(health, serverName: settings.serverNames.first)
        let limit = min(settings.health.timeout, left)
        parts.runBlocking { [self] in
            guard let result = ask(round, request, limit) else { return }
            if let problem = result.problem {
                parts.notice(
                    settings.name, .worker(round.endpoint.worker, of: round.endpoint.generation), "warm-up: \(problem)")
            }
            warmUp(round, paths.dropFirst(), then: done)
        }
    }
}

extension HealthSettings {
    /// For a worker that proved itself before: the next answer decides.
    fileprivate var once: HealthSettings {
        var once = self
        once.successes = 1
        once.deadline = timeout
        once.interval = timeout
        return once
    }
}

extension ProbeResult {
    fileprivate var problem: String? {
        switch outcome {
        case .failure(let failure): "GET \(url): \(failure.message)"
        case .success(let answer) where answer.status >= 500: "GET \(url) answered \(answer.status)"
        case .success: nil
        }
    }
}

extension ProbeAddress {
    fileprivate init(_ address: WorkerAddress) {
        switch address {
        case .unix(let path): self = .unix(path: path)
        case .tcp(let port): self = .tcp(port: UInt16(clamping: port))
        }
    }
}

extension ProbeProtocol {
    fileprivate init(_ wire: WorkerProtocol) {
        switch wire {
        case .session: self = .session
        case .http: self = .http
        }
    }
}
