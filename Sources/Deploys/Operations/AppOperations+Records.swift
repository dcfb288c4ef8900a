import Foundation
import Logging
import Model
import Pool

/// Memory, journal and event log, kept in step.
extension AppOperations {
    func save(_ record: DeployRecord) {
        let record = record.masked(parts.settings.mask)
        records[record.number] = record
        parts.journal?.record(record.withoutCredentials())
    }

    func saveLive() {
        parts.journal?.record(liveRecord.withoutCredentials())
        parts.keepCapacity?(CapacityRecord(liveRecord))
    }

    /// Changes a deploy's record, if there is one, and has it written.
    func change(_ number: DeployNumber?, _ body: (inout DeployRecord) -> Void) {
        guard let number, var record = records[number] else { return }
        body(&record)
        save(record)
    }

    /// A step is over: what it found out, how long it took, and the milestone it was.
    func record(_ step: DeployStep, _ result: Result<StepProduct, DeployFailure>) {
        guard let run else { return }
        let time = (parts.now() - run.stepBegan).wholeNanoseconds
        var failure: DeployFailure?
        switch result {
        case .success(let product): keep(product, weakProofHint: run)
        case .failure(let cause): failure = cause
        }
        run.ticket.log.append(.stepFinished(step: step, nanoseconds: time, failure: failure?.description))
        log(step, time, failure)
        change(run.deploy) { record in
            closeStep(&record, step, time, failure, output: run.output.tail.text)
            guard failure == nil, let milestone = step.milestone else { return }
            record.state = milestone
            record.reached = milestone
        }
    }

    func closeStep(
        _ record: inout DeployRecord, _ step: DeployStep, _ time: Int64, _ failure: DeployFailure?, output: String
    ) {
        guard let index = record.steps.lastIndex(where: { $0.step == step && $0.end == nil }) else { return }
        record.steps[index].end = parts.date()
        record.steps[index].nanoseconds = time
        record.steps[index].output = output
        record.steps[index].result = failure.map { $0.code == .cancelled ? .cancelled : .failed } ?? .done
    }

    private func keep(_ product: StepProduct, weakProofHint current: OperationRun) {
        switch product {
        case .nothing: break
        case .inspected(let settings):
            run?.settings = settings
            run?.machine.setBake(wantedBake(current) ?? settings.deploy.bake)
            decideRollout(settings)
            if settings.deploy.irreversible { announceIrreversible() }
            change(run?.deploy ?? run?.release?.label.number) { $0.settings = settings }
        case .fetched(let repository, let settings):
            run?.deploySettings = settings
            change(run?.deploy) { $0.repository = repository }
        case .resolved(let commit):
            run?.commit = commit
            change(run?.deploy) { $0.commit = commit }
        case .checkedOut(let release):
            run?.release = release
            change(run?.deploy) { $0.release = release }
        case .booted(let booted):
            run?.provedBy = booted.provedBy
            guard booted.weakProof else { return }
            current.ticket.log.append(
                .notice(
                    .warning,
                    "weak proof: the app answered `/` with a redirect or a 4xx; set health.path to something it serves")
            )
        }
    }

    private func wantedBake(_ run: OperationRun) -> Duration? {
        switch run.ticket.request {
        case .deploy(let request): request.bake
        case .resume(let number, _): records[number]?.request.bake
        case .rollback, .restart: nil
        }
    }

    private func log(_ step: DeployStep, _ nanoseconds: Int64, _ failure: DeployFailure?) {
        if let failure {
            parts.logger.warning(
                "\(step.name) failed", metadata: ["reason": "\(parts.settings.mask.masked("\(failure)"))"])
        } else {
            parts.logger.info("\(step.name) done", metadata: ["ms": "\(nanoseconds / 1_000_000)"])
        }
    }
}

extension DeployStep {
    /// What the journal's state is once this step is done.
    var milestone: DeployState? {
        switch self {
        case .inspect, .grow, .beforeSwitch, .switchTraffic, .bake: nil
        case .canary, .approve, .roll, .replace: nil
        case .afterSwitch, .afterStable, .afterDrain, .onFailure, .onRollback, .webhook: nil
        case .fetch: .fetched
        case .resolve: .resolved
        case .checkout: .checkedOut
        case .link: .linked
        case .build: .built
        case .seal: .sealed
        case .prove: .proved
        case .beforeBoot: .beforeBoot
        case .boot: .booted
        case .health: .healthy
        }
    }
}
