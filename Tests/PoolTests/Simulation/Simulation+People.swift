import Model

@testable import Pool

struct SimulatedDeploy {
    var app: Int
    var generation: GenerationNumber
}

/// Deploys, restarts, rollbacks, and what else is done by hand.
extension Simulation {
    func person() {
        guard !isCalm else { return }
        let app = Int.random(in: 0..<machine.apps.count, using: &random)
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<8: restart(app)
        case 8..<10:
            // A restart during a restart: the first is given up, or not.
            restart(app)
            if chance(50), let first = deploys.keys.min(by: { $0.rawValue < $1.rawValue }) {
                perform(machine.cancel(first, now: clock))
            }
            restart(app)
        case 10..<13: rollback(app)
        case 13..<15:
            let workers = chance(50) ? nil : Int.random(in: 1...6, using: &random)
            perform(machine.setScale(AppIndex(app), workers: workers, now: clock))
        case 15..<17: pause(app)
        default: detach(app)
        }
        agenda.add(.person, at: now + span(100...1200))
    }

    func spec(app: Int? = nil, isBroken: Bool = false) -> GenerationSpec {
        directories += 1
        var spec = makeSpec(workers: Int.random(in: 1...3, using: &random), directory: "/releases/\(directories)") {
            $0.startupFile = isBroken ? "broken.ru" : "config.ru"
            $0.pool.startTimeout = .seconds(2)
            $0.pool.stopTimeout = .seconds(1)
            $0.pool.maxParallelSpawns = Int.random(in: 1...3, using: &random)
            $0.pool.minInstances = Int.random(in: 0...2, using: &random)
            $0.pool.maxInstances = chance(30) ? 3 : 0
            $0.pool.poolIdleTime = span(1000...5000)
            $0.pool.maxRequests = chance(30) ? 15 : 0
            $0.pool.memoryLimit = 100
            $0.pool.hardMemoryLimit = 200
            $0.deploy.drainTimeout = span(500...3000)
            $0.deploy.streamDrain = span(0...3000)
            $0.health.path = chance(50) ? "/up" : nil
            $0.health.afterSwitchInterval = .seconds(1)
            $0.health.timeout = .seconds(1)
        }
        spec.app = AppName(sanitizing: "app\(app ?? standbys.count - 1)")
        return spec
    }

    private func restart(_ app: Int) {
        guard machine.apps[app].generations.count < 4 else { return }
        let capacity = machine.apps[app].scaledTarget
        var spec = self.spec(app: app, isBroken: chance(15))
        spec.workers = max(1, capacity)
        let wait = machine.makeWait()
        deploys[wait] = SimulatedDeploy(app: app, generation: GenerationNumber(0))
        let (number, actions) = machine.boot(AppIndex(app), spec, wait: wait, now: clock)
        deploys[wait]?.generation = number
        perform(actions)
    }

    func bootFinished(_ id: WaitID, _ result: Result<BootedGeneration, GenerationFailure>) {
        guard let deploy = deploys.removeValue(forKey: id) else { return check(false, "a boot ended twice") }
        guard case .success(let booted) = result else { return restartFailed(deploy.app) }
        // Whoever waited for it goes on by itself, when all that the pool wanted meanwhile has been begun.
        agenda.add(.generationBooted(app: deploy.app, booted.number), at: clock)
    }

    /// Somebody works on the app, and is to see it.
    private func restartFailed(_ app: Int) {
        guard chance(40), !machine.apps[app].table.isEmpty, machine.apps[app].closing == nil else { return }
        machine.apps[app].restartFailed(crash)
        failedRestarts.insert(app)
    }

    func happened(_ event: PoolEvent) {
        guard case .switched = event.kind,
            let app = machine.apps.firstIndex(where: { $0.name == event.app })
        else { return }
        failedRestarts.remove(app)
    }

    func generationBooted(_ app: Int, _ generation: GenerationNumber) {
        guard machine.apps[app].generations.contains(where: { $0.number == generation }) else { return }
        switchTraffic(app, to: generation)
    }

    private func switchTraffic(_ app: Int, to generation: GenerationNumber) {
        let before = machine.apps[app].table.primary
        let (_, actions) = machine.switchTraffic(AppIndex(app), to: generation, now: clock)
        let isDone = machine.apps[app].table.primary == generation
        perform(actions)
        standbys[app].removeAll { $0 == generation }
        guard isDone else {
            // It died again before it had the traffic.
            return perform(machine.drain(generation, of: AppIndex(app), within: .zero, now: clock))
        }
        standbys[app].append(generation)
        // One of the old ones stays warm, the others go.
        guard let before, chance(70) else { return drainOld(app, keeping: 2) }
        if chance(50) { perform(machine.park(before, of: AppIndex(app), workers: 1, now: clock)) }
        drainOld(app, keeping: 2)
    }

    private func drainOld(_ app: Int, keeping count: Int) {
        while standbys[app].count > count {
            let oldest = standbys[app].removeFirst()
            perform(machine.drain(oldest, of: AppIndex(app), within: span(0...3000), now: clock))
        }
    }

    private func rollback(_ app: Int) {
        guard let live = machine.apps[app].table.primary, let old = standbys[app].last(where: { $0 != live }) else {
            return
        }
        let capacity = machine.apps[app].scaledTarget
        perform(machine.scale(old, of: AppIndex(app), workers: capacity, now: clock))
        if chance(70) { switchTraffic(app, to: old) }
    }

    private func pause(_ app: Int) {
        guard !paused.contains(app) else { return }
        perform(machine.pause(AppIndex(app), hold: span(300...3000), now: clock))
        paused.insert(app)
        agenda.add(.resumed(app: app), at: now + span(200...3000))
    }

    func resumed(_ app: Int) {
        guard paused.remove(app) != nil else { return }
        perform(machine.resume(AppIndex(app), now: clock))
    }

    private func detach(_ app: Int) {
        let own = processes.filter { $0.value.app == app && $0.value.isSpawned }.keys.sorted()
        guard let worker = own.randomElement(using: &random) else { return }
        let (answer, actions) = machine.detach(AppIndex(app), pid: Int32(worker.rawValue), now: clock)
        check(answer?.worker == worker, "\(worker) could not be detached")
        perform(actions)
    }
}
