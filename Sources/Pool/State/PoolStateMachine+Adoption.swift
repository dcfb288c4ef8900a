import Model

/// Workers from core to core.
extension PoolStateMachine {
    mutating func adopt(
        _ app: AppIndex, _ record: AppRecord, lastWorker: WorkerNumber, now: Instant
    ) -> [PoolAction] {
        begin(now)
        context.workers.skip(to: lastWorker)
        apps[app.rawValue].adopt(record, &context)
        return finish()
    }

    func record(vouching: Bool = false) -> PoolRecord {
        PoolRecord(
            apps: apps.filter { $0.closing == nil }.map { $0.record(context.workers, vouching: vouching) },
            lastWorker: WorkerNumber(context.workers.lastNumber))
    }

    mutating func retire(now: Instant) -> PoolRecord {
        begin(now)
        context.isRetired = true
        return record(vouching: true)
    }

    func load(of number: WorkerNumber) -> WorkerShare {
        guard let slot = context.workers.slot(of: number) else { return .none }
        return WorkerShare(requests: context.workers[slot].busy, streams: context.workers[slot].streams)
    }

    mutating func foreignLoad(_ load: WorkerShare, at number: WorkerNumber, now: Instant) -> [PoolAction] {
        guard let slot = context.workers.slot(of: number), context.workers[slot].foreign != load else { return [] }
        let app = context.workers[slot].app.rawValue
        guard let position = apps[app].position(of: context.workers[slot].generation) else { return [] }
        begin(now)
        if case .lastOfWorker(let slot) = apps[app].foreignLoad(load, slot, position, &context) {
            apps[app].lastRequestDone(slot, &context)
        }
        return finish()
    }

    mutating func foreignLoadsOver(now: Instant) -> [PoolAction] {
        context.workers.numbers(where: { $0.foreign != .none })
            .flatMap { foreignLoad(.none, at: $0, now: now) }
    }
}
