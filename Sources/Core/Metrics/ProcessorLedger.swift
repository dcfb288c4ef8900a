import Model
import Pool

/// Processor time of generations, summed up from what is seen of their workers: it does not become less when one of them
/// ends. What a worker used after it was looked at last is lost.
struct ProcessorLedger {
    /// What is known of a generation's workers at one moment.
    struct Sighting {
        var app: AppIndex
        var generation: GenerationNumber
        var workers: [(number: WorkerNumber, bornAt: Instant, microseconds: Int)] = []
    }

    private struct Key: Hashable {
        var app: AppIndex
        var generation: GenerationNumber
    }

    private struct Account {
        var microseconds = 0
        var workers: [WorkerNumber: Int] = [:]
    }

    private var accounts: [Key: Account] = [:]
    private let startedAt: Instant

    /// What workers used before `startedAt` was another core's to count.
    init(startedAt: Instant) { self.startedAt = startedAt }

    /// In microseconds since then, in the order of `sightings`. These are all that there are: others are forgotten.
    mutating func totals(_ sightings: [Sighting]) -> [Int] {
        var kept: [Key: Account] = [:]
        let totals = sightings.map { sighting in
            let key = Key(app: sighting.app, generation: sighting.generation)
            var account = accounts[key] ?? Account()
            var workers: [WorkerNumber: Int] = [:]
            for worker in sighting.workers {
                let before = account.workers[worker.number] ?? (worker.bornAt < startedAt ? worker.microseconds : 0)
                account.microseconds += max(0, worker.microseconds - before)
                // Of two reports at a time, the one that looked first may be the last to tell.
                workers[worker.number] = max(before, worker.microseconds)
            }
            account.workers = workers
            kept[key] = account
            return account.microseconds
        }
        accounts = kept
        return totals
    }
}
