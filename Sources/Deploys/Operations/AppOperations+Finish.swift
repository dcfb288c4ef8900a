import Foundation
import Logging
import Model
import Pool

/// The end of an operation.
extension AppOperations {
    func finish(_ given: DeployStateMachine.Ending) {
        guard let run else { return }
        var ending = given
        if case .rolledBack(let failure, let byHand) = given {
            ending = .rolledBack(withEvidence(failure), byHand: byHand)
        }
        closeWatch(run, ending)
        change(run.deploy) { record in
            end(&record, ending)
            record.finishedAt = record.state == .pending ? nil : parts.date()
        }
        let outcome = self.outcome(ending, run).masked(parts.settings.mask)
        self.run = nil
        if let deploy = run.deploy, deploy == continuing {
            continuing = nil
            endCommands(of: deploy)
        }
        lastOutcome = outcome
        showFailedRestart(outcome, run)
        parts.lock?.release()
        parts.logger.info(
            "\(run.ticket.request.kind.rawValue) over",
            metadata: ["result": "\(outcome.result.name)", "summary": "\(outcome.summary)"])
        remember(run.ticket.handle(deploy: run.deploy))
        if let restart = run.joinedRestart, run.switchNanoseconds == nil, parts.host != nil, !isShuttingDown {
            // It was to come with the deploy's switch, which never was.
            waiting.append(makeTicket(.restart(restart)))
        }
        if run.deploy != nil, parts.host != nil, !isShuttingDown {
            prune(keep: (live?.settings.deploy ?? DeploySettings()).keepReleases)
        }
        followEnd(ending, run)
        followWithWebhook(outcome, run)
        tellEnd(outcome, of: run.ticket)
    }

    func announceIrreversible() {
        guard let run, run.machine.plan.isReversible, run.ticket.request.kind == .deploy else { return }
        self.run?.machine.setIrreversible()
        run.ticket.log.append(
            .notice(
                .warning, "this release is irreversible (deploy.irreversible): it is not rolled back automatically"))
    }

    /// A watch that the end of the operation has cut short.
    private func closeWatch(_ run: OperationRun, _ ending: DeployStateMachine.Ending) {
        guard let deploy = run.deploy,
            let open = records[deploy]?.steps.last(where: { $0.step.isWatch && $0.end == nil })
        else { return }
        let failure: DeployFailure? =
            switch ending {
            case .rolledBack(let failure, _), .failed(_, let failure): failure
            case .aborted(let by): DeployFailure(.cancelled, "aborted by \(by)")
            case .interrupted: DeployFailure(.interrupted, "the server was stopped")
            case .done, .pending: nil
            }
        closeWatch(open.step, failure)
    }

    private func end(_ record: inout DeployRecord, _ ending: DeployStateMachine.Ending) {
        switch ending {
        case .done:
            record.state = .stable
            record.reached = .stable
            record.wasStable = true
        case .pending:
            record.state = .pending
        case .failed(let step, let failure):
            record.state = .failed
            record.failedStep = step
            record.failure = failure
        case .aborted(let by):
            record.state = .aborted
            record.failure = DeployFailure(.cancelled, "aborted by \(by)")
        case .rolledBack(let failure, let byHand):
            record.state = .rolledBack
            record.failure = failure
            record.isWithdrawn = byHand
        case .interrupted(let step):
            // A sealed release whose migrations had not begun can simply be gone on with by the next start.
            let isUntouched = record.reached == .sealed || record.reached == .proved
            record.state = isUntouched && !step.isHook ? .pending : .interrupted
            record.failedStep = step
            record.failure = DeployFailure(.interrupted, "the server was stopped in the middle of \(step.name)")
        }
    }

    private func outcome(_ ending: DeployStateMachine.Ending, _ run: OperationRun) -> OperationOutcome {
        let name = run.release?.label.name ?? run.deploy.map { "deploy \($0)" } ?? "the app"
        let now = live?.release?.label.name
        var outcome: OperationOutcome
        switch ending {
        case .done: outcome = OperationOutcome(.done, summary: doneSummary(run, name))
        case .pending:
            outcome = OperationOutcome(.pending, summary: "\(name) is sealed; `passenger start` goes on from here")
        case .failed(let step, let failure):
            outcome = OperationOutcome(
                .failed, summary: "\(step.name) failed: \(failure)", failedStep: step, failure: failure)
        case .aborted(let by): outcome = OperationOutcome(.aborted, summary: "aborted by \(by)")
        case .rolledBack(let failure, _):
            outcome = OperationOutcome(
                .rolledBack, summary: "switched back to \(now ?? "the old generation"): \(failure)",
                failedStep: .bake, failure: failure)
        case .interrupted(let step):
            outcome = OperationOutcome(.interrupted, summary: "interrupted in \(step.name)", failedStep: step)
        }
        outcome.deploy = run.deploy
        outcome.liveRelease = now
        outcome.switchNanoseconds = run.switchNanoseconds
        outcome.nanoseconds = (parts.now() - run.began).wholeNanoseconds
        return outcome
    }

    private func doneSummary(_ run: OperationRun, _ name: String) -> String {
        switch run.ticket.request {
        case .deploy, .resume: "\(name) is live and stable"
        case .rollback: "rolled back to \(name)"
        case .restart: "\(name) was restarted"
        }
    }

    // MARK: Retention

    /// Never decides a deploy's result. A release is marked before it is deleted, so that no rollback can choose it while
    /// it goes; what could not be deleted is unmarked, and tried again after the next deploy.
    private func prune(keep: Int) {
        guard let builder = parts.builder else { return }
        let before = pruning
        pruning = Task {
            await before?.value
            guard let onDisk = try? await builder.releases() else { return }  // clean-up; the next one finds them again
            var pinned = self.parts.host?.releasesInUse() ?? []
            for release in [self.live?.release, self.standby?.code.release, self.run?.release] {
                if let release { pinned.insert(release.label.number) }
            }
            let going = self.ledger.prunable(keep: keep, pinned: pinned, onDisk: onDisk)
            guard !going.isEmpty else { return }
            for release in going { self.change(release.label.number) { $0.isPruned = true } }
            let gone = Set(await builder.prune(going))
            for release in going where !gone.contains(release.label.number) {
                self.change(release.label.number) { $0.isPruned = false }
            }
        }
    }

    /// For tests and an orderly end: `current` is moved and old releases are gone.
    package func waitForCleanUp() async {
        await currentMove?.value
        await pruning?.value
    }
}
