import Foundation
package import Model
import Pool

/// What `status` shows of an app's operations.
package struct OperationsOverview: Sendable {
    package var live: ReleaseLocation?
    package var liveGeneration: GenerationNumber?
    package var standby: ReleaseLocation?
    package var standbyGeneration: GenerationNumber?
    package var running: OperationSummary?
    package var waiting: [OperationSummary]
    /// `passenger lock`.
    package var freeze: Freeze?
    /// Of the last operation that ended, whatever kind.
    package var lastOutcome: OperationOutcome?
    /// Things a person should see to: a journal that cannot be written, a damaged file, a configuration not used.
    package var warnings: [String]
}

extension AppOperations {
    package func overview() -> OperationsOverview {
        OperationsOverview(
            live: live?.release ?? liveRecord.live, liveGeneration: live?.generation,
            standby: standby?.code.release, standbyGeneration: standby?.code.generation,
            running: run.map(summary(of:)),
            waiting: waiting.map { ticket in
                OperationSummary(
                    operation: ticket.number, kind: ticket.request.kind, deploy: nil,
                    requester: ticket.request.requester, since: ticket.since, step: nil, outcome: nil)
            },
            freeze: liveRecord.lock, lastOutcome: lastOutcome,
            warnings: startProblems + [foreignCurrent, parts.journal?.failure?.summary].compactMap { $0 })
    }

    /// Configuration of what is live.
    package func liveSettings() -> AppSettings? { live?.settings ?? liveRecord.settings }

    /// Newest first.
    package func deploys() async -> [DeployRecord] {
        await loadOnce()
        return records.values.sorted { $0.number > $1.number }
    }

    package func deploy(_ number: DeployNumber) async -> DeployRecord? {
        await loadOnce()
        return records[number]
    }

    package struct ReleaseRow: Sendable {
        package var record: DeployRecord
        package var state: ReleaseState
        package var isLive: Bool
        package var isRollbackTarget: Bool
    }

    /// Newest first.
    package func releases() async -> [ReleaseRow] {
        await loadOnce()
        let ledger = self.ledger
        let target = try? ledger.rollbackTarget(nil).number  // none is an answer
        return ledger.releases.map { record, state in
            ReleaseRow(
                record: record, state: state, isLive: record.number == liveRecord.live?.label.number,
                isRollbackTarget: record.number == target)
        }
    }

    func summary(of run: OperationRun) -> OperationSummary {
        OperationSummary(
            operation: run.ticket.number, kind: run.ticket.request.kind, deploy: run.deploy,
            requester: run.ticket.request.requester, since: run.ticket.since, step: run.machine.currentStep,
            outcome: nil)
    }
}
