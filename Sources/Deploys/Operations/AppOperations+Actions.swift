import Foundation
import Logging
import Model
import Pool

/// What the machine's answers mean. An action that is over at once returns what came of it.
extension AppOperations {
    func perform(_ action: DeployStateMachine.Action) -> DeployStateMachine.Event? {
        switch action {
        case .run(let step): startStep(step)
        case .cancel: run?.task?.cancel()
        case .switchTraffic(let generation): return switchTraffic(to: generation)
        case .switchBack(let generation): return switchBack(to: generation)
        case .startWatch(let step, let until): startWatch(step, until: until)
        case .endWatch(let step): endWatch(step)
        case .shareTraffic(let generation): shareTraffic(with: generation)
        case .takeTrafficBack: takeTrafficBack()
        case .restoreOld: restoreOld()
        case .moveCurrent: moveCurrent(to: run?.release)
        case .moveCurrentBack: moveCurrent(to: run?.old?.release)
        case .discard(let generation): parts.host?.discard(generation)
        case .drain(let generation): drain(generation)
        case .keepStandby: keepStandby()
        case .parkAgain: standby?.clock.grownAgain()
        case .alarm(let reason):
            run?.ticket.log.append(.notice(.alarm, reason))
            for line in run?.evidence?.routes ?? [] { run?.ticket.log.append(.notice(.alarm, line)) }
            parts.logger.error("alarm", metadata: ["reason": "\(reason)"])
        case .finish(let ending): finish(ending)
        }
        return nil
    }

    // MARK: The switch

    private func switchTraffic(to generation: GenerationNumber) -> DeployStateMachine.Event? {
        guard let host = parts.host, var run, let settings = run.settings else { return nil }
        run.ticket.log.append(.stepStarted(step: .switchTraffic, title: "switch traffic"))
        parts.companions?.quiet()
        let (previous, time) = timed { host.switchTraffic(to: generation) }
        guard host.liveGeneration()?.number == generation else {
            parts.companions?.resume()
            self.run = run
            return .stepFailed(
                .switchTraffic, DeployFailure(.unhealthy, "the new generation was not fit for traffic any more"))
        }
        run.old = live
        run.switchNanoseconds = time
        run.bake = BakeWatch(limits: settings.deploy.autoRollback, old: previous.map(host.traffic(of:)))
        self.run = run
        releaseHold()
        if standby?.code.generation == generation {
            standby = nil
            liveRecord.keep(standby: nil, at: parts.date())
        }
        // Withdrawn in memory at once: a second rollback that comes right now must not choose it.
        if run.ticket.request.kind == .rollback {
            change(live?.release?.label.number) { $0.isWithdrawn = true }
            change(run.release?.label.number) { $0.isWithdrawn = false }
        }
        becomeLive(BootedCode(generation: generation, release: run.release, settings: settings), in: time)
        change(run.deploy) { record in
            record.switchNanoseconds = time
            record.reached = .switched
            record.state = .switched
        }
        if let run = self.run { followSwitch(run) }
        return .switched(previous: previous)
    }

    private func switchBack(to generation: GenerationNumber) -> DeployStateMachine.Event? {
        guard let host = parts.host, let old = run?.old else { return nil }
        parts.companions?.quiet()
        let (_, time) = timed { host.switchTraffic(to: generation) }
        guard host.liveGeneration()?.number == generation else {
            parts.companions?.resume()
            return .stepFailed(
                .bake, DeployFailure(.badBake, "the old generation is gone: there is nothing to switch back to"))
        }
        run?.switchNanoseconds = time
        releaseHold()
        becomeLive(old, in: time)
        return .switchedBack
    }

    /// Memory is the truth already; the record follows when it can, and nothing waits for it.
    private func becomeLive(_ code: BootedCode, in nanoseconds: Int64) {
        live = code
        man(code)
        let date = parts.date()
        liveRecord.becomeLive(code.release, code.settings, at: date)
        liveRecord.switchedAt = date
        saveLive()
        let name = code.release?.label.name
        run?.ticket.log.append(
            .stepFinished(step: .switchTraffic, nanoseconds: nanoseconds, failure: nil))
        run?.ticket.log.append(.switched(release: name, nanoseconds: nanoseconds))
        parts.logger.info(
            "traffic switched", metadata: ["to": "\(name ?? "a new generation")", "ns": "\(nanoseconds)"])
    }

    private func timed(_ body: () -> GenerationNumber?) -> (GenerationNumber?, Int64) {
        let start = parts.now()
        let result = body()
        return (result, (parts.now() - start).wholeNanoseconds)
    }

    /// For people and cron; traffic does not depend on it, so its failure is a warning and its time nobody's.
    func moveCurrent(to release: ReleaseLocation?) {
        guard let builder = parts.builder, let release else { return }
        let log = run?.ticket.log
        let before = currentMove
        currentMove = Task {
            await before?.value  // two moves in a row end with the later one
            do throws(DeployFailure) {
                try await builder.moveCurrent(to: release)
                self.foreignCurrent = nil
            } catch {
                log?.append(.notice(.warning, "`current` was not moved: \(error.summary)"))
                self.parts.logger.warning("current was not moved", metadata: ["error": "\(error.summary)"])
            }
        }
    }

    // MARK: After the switch

    private func drain(_ generation: GenerationNumber) {
        let settings = run?.old?.generation == generation ? run?.old?.settings : run?.settings
        parts.host?.drain(generation, within: drainTimeout(settings))
        followDrain(generation, of: run?.old?.generation == generation ? run?.old?.release : run?.release)
        // What was kept for rollback is older than what a rollback just went to.
        if run?.ticket.request.kind == .rollback { dropStandby() }
    }

    private func keepStandby() {
        dropStandby()
        guard let old = run?.old, let deploy = run?.settings?.deploy else {
            // Booted by something that is not known here: nothing could go back to it.
            if let previous = run?.machine.previous { parts.host?.drain(previous, within: drainTimeout(nil)) }
            return
        }
        standby = StandbyCode(code: old, clock: StandbyClock(deploy, now: parts.now()))
        liveRecord.keep(standby: old.release, at: parts.date())
        saveLive()
    }

    func dropStandby() {
        guard let gone = standby else { return }
        standby = nil
        liveRecord.keep(standby: nil, at: parts.date())
        parts.host?.drain(gone.code.generation, within: drainTimeout(gone.code.settings))
        followDrain(gone.code.generation, of: gone.code.release)
        saveLive()
    }

    func tickStandby() {
        // While a rollback grows it, it is not the clock's.
        guard let current = standby, run?.machine.plan.warm != current.code.generation else { return }
        switch standby?.clock.tick(parts.now()) {
        case .park(let workers)?: parts.host?.park(current.code.generation, workers: workers)
        case .drain?: dropStandby()
        case nil: break
        }
    }

    func drainTimeout(_ settings: AppSettings?) -> Duration {
        guard let settings else { return DeploySettings().drainTimeout }
        return settings.http.maxRequestTime > .zero ? settings.http.maxRequestTime : settings.deploy.drainTimeout
    }
}
