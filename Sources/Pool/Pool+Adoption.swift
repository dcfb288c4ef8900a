package import Model
import Synchronization

/// Workers from core to core.
extension Pool {
    /// Goes on with workers that an earlier core had booted, under their numbers: what is live has the traffic, the other
    /// generations are standbys. Each worker serves once it has answered (`greetWorker`), and until then requests wait for it.
    /// Only for an app of which nothing was booted yet; without a live generation only numbers and scale are taken over.
    package func adopt(_ app: AppIndex, _ record: AppRecord, lastWorker: WorkerNumber) {
        decide { machine, now in machine.adopt(app, record, lastWorker: lastWorker, now: now) }
    }

    /// For a later core.
    package func record() -> PoolRecord { shared.withLock { $0.machine.record() } }

    /// Another core gets the workers, which are as this says. From now on nothing is booted, probed or replaced here: what is
    /// asked for is given to the workers that are there.
    package func retire() -> PoolRecord { shared.withLock { $0.machine.retire(now: now()) } }
    /// What this core has under way at a worker.
    package func load(of worker: WorkerNumber) -> WorkerShare { shared.withLock { $0.machine.load(of: worker) } }
    /// What the core before this one still has under way there.
    package func foreignLoad(_ load: WorkerShare, at worker: WorkerNumber) {
        decide { machine, now in machine.foreignLoad(load, at: worker, now: now) }
    }
    /// That core has ended.
    package func foreignLoadsOver() { decide { machine, now in machine.foreignLoadsOver(now: now) } }
}
