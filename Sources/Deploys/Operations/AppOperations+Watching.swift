import Model
import Pool

/// Steps of looking: the canary, the wait for a person, the bake. Nothing runs in them; the tick feeds what there is to see.
extension AppOperations {
    func startWatch(_ step: DeployStep, until: Instant) {
        guard let run else { return }
        self.run?.stepBegan = parts.now()
        let title = self.title(of: step, run)
        run.ticket.log.append(.stepStarted(step: step, title: title))
        if step == .approve, let deploy = run.deploy {
            run.ticket.log.append(
                .notice(.info, "it goes on with `passenger deploys approve \(deploy)`, and ends with `abort`"))
        }
        change(run.deploy) { record in
            if step == .bake { record.state = .baking }
            record.steps.append(StepRecord(step: step, title: title, start: parts.date()))
        }
    }

    func endWatch(_ step: DeployStep) { closeWatch(step, nil) }

    /// Also for one that was cut short by the end of everything.
    func closeWatch(_ step: DeployStep, _ failure: DeployFailure?) {
        guard let run else { return }
        let time = (parts.now() - run.stepBegan).wholeNanoseconds
        run.ticket.log.append(.stepFinished(step: step, nanoseconds: time, failure: failure?.description))
        change(run.deploy) { closeStep(&$0, step, time, failure, output: "") }
    }

    /// Call every 100 ms.
    func look() {
        guard let run, let machine = self.run?.machine else { return }
        if case .running(let index) = machine.state, let limit = limit(of: machine.plan.steps[index]), !run.isOverdue,
            parts.now() - run.stepBegan > limit
        {
            self.run?.isOverdue = true
            run.task?.cancel()
        }
        if machine.isChangingWhatBothLiveWith, let complaint = guardComplaint() { feed(.oldFails(complaint)) }
        switch machine.state {
        case .baking, .watching:
            noteTroubles()
            feed(.sampled(verdict()))
        case .running where machine.isSharing: feed(.sampled(verdict()))
        case .idle, .running, .stopping, .switching, .restoring, .returning, .finished: break
        }
    }

    /// What is seen now, kept for as long as it is bad: after the way back the new generation is soon gone.
    private func verdict() -> BakeVerdict {
        let verdict = compare()
        if verdict.isBad, let host = parts.host, let fresh = run?.machine.fresh {
            let old = run?.machine.previous ?? live?.generation
            run?.evidence = BakeEvidence(
                routes: ErrorDiff(old: old.map(host.routes(of:)) ?? [], new: host.routes(of: fresh)).lines,
                output: host.lastLines(of: fresh))
        }
        return verdict
    }

    private func compare() -> BakeVerdict {
        guard let run, let host = parts.host, let watch = run.bake, let fresh = run.machine.fresh else { return .good }
        let old = run.machine.previous ?? (run.machine.isSharing ? live?.generation : nil)
        let verdict = watch.verdict(
            new: host.traffic(of: fresh), oldNow: old.map(host.traffic(of:)), alive: host.readyWorkers(of: fresh))
        guard verdict == .good, let old else { return verdict }
        let latency = watch.judge(LatencyDiff(old: host.routes(of: old), new: host.routes(of: fresh)))
        if let note = latency.note, !run.hasToldLatency {
            self.run?.hasToldLatency = true
            run.ticket.log.append(
                .notice(.warning, "\(note); that is not held against the new version (latency_factor)"))
        }
        return latency.verdict
    }

    /// A failure of the bake's with what was seen of it.
    func withEvidence(_ failure: DeployFailure) -> DeployFailure {
        guard failure.code == .badBake, let evidence = run?.evidence else { return failure }
        var failure = failure
        if !evidence.routes.isEmpty { failure.details = evidence.routes.joined(separator: "\n") }
        if failure.outputTail.isEmpty { failure.outputTail = evidence.output }
        return failure
    }

    // MARK: The old version while hooks run

    /// From the first hook on.
    func beginGuard() {
        guard let host = parts.host, let live, let settings = run?.settings else { return }
        run?.guardian = MigrationGuard(
            limits: settings.deploy.autoRollback, before: host.traffic(of: live.generation))
    }

    private func guardComplaint() -> DeployFailure? {
        guard let host = parts.host, let live else { return nil }
        return run?.guardian?.complaint(now: host.traffic(of: live.generation))
    }
}
