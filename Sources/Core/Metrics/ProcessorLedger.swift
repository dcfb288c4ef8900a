import Model
import Pool

/// Processor time of generations, summed up from what is seen of their workers: it does not become less when one of them
/// ends. What a worker used after it was looked at last is lost.
struct ProcessorLedger {
    private struct Key: Hashable {
        var app: AppIndex
        var generation: GenerationNumber
    }

    private struct Account {
        var microseconds = 0
        var workers: [WorkerNumber: Int] = [:]
    }

    private var accounts: [Key: Account] = [:]
    private var seen: Set<Key> = []
    private let startedAt: Instant

    /// What workers used before `startedAt` was another core's to count.
    init(startedAt: Instant) { self.startedAt = startedAt }

    /// In microseconds since then.
    mutating func total(
        _ app: AppIndex, _ generation: GenerationNumber,
        _ workers: [(number: WorkerNumber, bornAt: Instant, microseconds: Int)]
    ) -> Int {
        let key = Key(app: app, generation: generation)
        var account = accounts[key] ?? Account()
        for worker in workers {
            let before = account.workers[worker.number] ?? (worker.bornAt < startedAt ? worker.microseconds : 0)
            account.microseconds += max(0, worker.microseconds - before)
        }
        account.workers = Dictionary(workers.map { ($0.number, $0.microseconds) }, uniquingKeysWith: { $1 })
        accounts[key] = account
        seen.insert(key)
        return account.microseconds
    }

    /// All that there are were asked about: the others are gone.
    mutating func endRound() {
        if accounts.count > seen.count { accounts = accounts.filter { seen.contains($0.key) } }
        seen = []
    }
}
