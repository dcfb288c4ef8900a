import Model

@testable import Pool

struct SimulatedProcess {
    var app: Int
    var generation: GenerationNumber
    var isBroken: Bool
    var isSpawned = false
    var isDead = false
    var ignoresTerm = false
    var concurrency: Int
}

/// Processes, and what the pool hears of them.
extension Simulation {
    func spawn(_ worker: WorkerNumber, _ generation: GenerationNumber, _ spec: GenerationSpec) {
        check(processes[worker] == nil, "\(worker) was spawned twice")
        let app = Int(spec.app.rawValue.dropFirst(3)) ?? 0
        let isBroken = spec.settings.startupFile == "broken.ru"
        processes[worker] = SimulatedProcess(
            app: app, generation: generation, isBroken: isBroken, ignoresTerm: goesWrong(5),
            concurrency: [1, 1, 1, 3].randomElement(using: &random)!)
        // Refused: the last word comes without a first one.
        if goesWrong(3) { return agenda.add(.died(worker), at: now + span(1...20)) }
        agenda.add(.spawned(worker), at: now + span(1...20))
    }

    func spawned(_ worker: WorkerNumber) {
        guard processes[worker]?.isDead == false else { return }
        processes[worker]?.isSpawned = true
        perform(machine.workerSpawned(worker, pid: Int32(worker.rawValue), now: clock))
        if goesWrong(4) { agenda.add(.died(worker), at: now + span(1...500)) }
        // One in a hundred never gets ready.
        if goesWrong(1) { return }
        agenda.add(.booted(worker), at: now + (goesWrong(5) ? span(1500...6000) : span(20...600)))
    }

    func booted(_ worker: WorkerNumber) {
        guard let process = processes[worker], !process.isDead else { return }
        if process.isBroken, chance(70) { return died(worker) }
        perform(
            machine.workerBooted(
                worker, address: .tcp(port: 1), wireProtocol: .session, concurrency: process.concurrency, now: clock))
        if goesWrong(25) { agenda.add(.died(worker), at: now + span(1...4000)) }
        if goesWrong(20) { agenda.add(.measured(worker, bytes: chance(70) ? 150 : 250), at: now + span(1...4000)) }
    }

    func prove(_ endpoint: WorkerEndpoint) {
        // One that never answers is the pool's to notice.
        if goesWrong(2) { return }
        let isBroken = processes[endpoint.worker]?.isBroken ?? true
        agenda.add(.judged(endpoint.worker, isGood: !isBroken && !goesWrong(4)), at: now + span(5...100))
    }

    func judged(_ worker: WorkerNumber, _ isGood: Bool) {
        let isThere = processes[worker]?.isDead == false
        let failure = BootFailure(step: "health", summary: "no answer")
        perform(
            isGood && isThere
                ? machine.workerProved(worker, weak: false, now: clock)
                : machine.workerUnhealthy(worker, failure, now: clock))
    }

    func probe(_ endpoint: WorkerEndpoint) {
        if goesWrong(3) { return }
        let isThere = processes[endpoint.worker]?.isDead == false
        agenda.add(.probed(endpoint.worker, isGood: isThere && !goesWrong(15)), at: now + span(1...50))
    }

    func work(_ endpoint: WorkerEndpoint) {
        // Some never come back from it.
        if goesWrong(10) { return }
        agenda.add(.worked(endpoint.worker), at: now + span(5...300))
    }

    func measured(_ worker: WorkerNumber, _ bytes: Int) {
        guard processes[worker]?.isDead == false else { return }
        perform(machine.workerMemory(worker, bytes: bytes, now: clock))
    }

    func stop(_ worker: WorkerNumber, grace: Duration) {
        guard let process = processes[worker] else { return check(false, "\(worker) was stopped and is not there") }
        let isDeaf = process.ignoresTerm || !process.isSpawned
        agenda.add(.died(worker), at: now + (isDeaf ? grace : min(grace, span(1...100))))
    }

    /// Whoever had a request there sees its connection end. The notice may take long: a core that dies is told of it by the
    /// supervisor's table only when it is back.
    func died(_ worker: WorkerNumber) {
        guard processes[worker]?.isDead == false else { return }
        processes[worker]?.isDead = true
        agenda.add(.reaped(worker), at: now + (goesWrong(5) ? span(500...4000) : span(1...30)))
    }

    func reaped(_ worker: WorkerNumber) {
        guard let process = processes.removeValue(forKey: worker) else { return }
        perform(machine.workerExited(worker, process.isBroken ? syntaxError : crash, now: clock))
    }
}
