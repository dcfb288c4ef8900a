import Health
import Linux
import Model
import Pool
import Synchronization

/// Asks workers for their health until the verdict is in, each worker one probe at a time.
final class WorkerProver: Sendable {
    private final class Round: Sendable {
        let endpoint: WorkerEndpoint
        let verdict: Mutex<HealthVerdict>
        init(_ endpoint: WorkerEndpoint, now: Instant) {
            self.endpoint = endpoint
            let settings = endpoint.settings
            verdict = Mutex(
                HealthVerdict(
                    settings.health, serverName: settings.serverNames.first,
                    startTimeout: settings.pool.startTimeout, now: now))
        }
    }

    private let parts: SpawningParts
    private let pool: Pool
    /// The round under way for each worker; one that is no longer here is over, whatever its probe still says.
    private let rounds = Mutex<[WorkerNumber: Round]>([:])

    init(parts: SpawningParts, pool: Pool) {
        self.parts = parts
        self.pool = pool
    }

    func prove(_ endpoint: WorkerEndpoint) {
        let round = Round(endpoint, now: monotonicNow())
        rounds.withLock { $0[endpoint.worker] = round }
        perform(round.verdict.withLock { $0.start(now: monotonicNow()) }, round)
    }

    func forget(_ worker: WorkerNumber) { rounds.withLock { _ = $0.removeValue(forKey: worker) } }

    private func perform(_ action: HealthVerdict.Action, _ round: Round) {
        let endpoint = round.endpoint
        guard rounds.withLock({ $0[endpoint.worker] === round }) else { return }
        switch action {
        case .probe(let delay, let timeLimit, let request):
            parts.schedule(delay) { [self] in
                parts.runBlocking { [self] in probe(round, timeLimit, request) }
            }
        case .proved(let weak, let note):
            forget(endpoint.worker)
            if let note { parts.notice(endpoint.settings.name, endpoint.worker, note) }
            pool.workerProved(endpoint.worker, weak: weak)
        case .failed(let failure):
            forget(endpoint.worker)
            pool.workerUnhealthy(
                endpoint.worker,
                BootFailure(step: "health", summary: failure.summary, details: failure.details, hint: failure.hint))
        }
    }

    private func probe(_ round: Round, _ timeLimit: Duration, _ request: ProbeRequest) {
        guard rounds.withLock({ $0[round.endpoint.worker] === round }) else { return }
        let endpoint = round.endpoint
        let result = HealthProbe.run(
            address: ProbeAddress(endpoint.address), wireProtocol: ProbeProtocol(endpoint.wireProtocol),
            request: request, timeLimit: timeLimit)
        perform(round.verdict.withLock { $0.probeFinished(result, now: monotonicNow()) }, round)
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
