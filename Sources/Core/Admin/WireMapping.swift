import AdminAPI
import AdminServer
import Deploys
import Foundation
import Glibc
import Linux
import Model
import Pool

// The operations' own words, in those of the admin API: one initialiser for each type.

extension WallTime {
    init(_ date: Date) { self.init(millisecondsSince1970: Int64(date.timeIntervalSince1970 * 1000)) }

    static func now() -> WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(millisecondsSince1970: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

extension Requester {
    init(_ caller: Caller, _ origin: RequestOrigin?, _ command: String) {
        // A name is a courtesy; the uid is what counts.
        let user = caller.token == nil ? (try? lookUpUser(uid: caller.uid))?.name : caller.description
        self.init(
            uid: caller.uid, pid: caller.pid, user: user, command: origin?.command ?? command, ci: origin?.ci ?? [:])
    }
}

extension OperationID {
    init(_ handle: OperationHandle) {
        self.init(AdminAPI.OperationKind(handle.kind), handle.operation.rawValue)
    }
}

extension OperationNumber {
    /// The number at the end of `deploy-42`.
    init?(_ id: OperationID) {
        guard let last = id.rawValue.split(separator: "-").last, let number = Int(last) else { return nil }
        self.init(number)
    }
}

extension AdminAPI.OperationKind {
    init(_ kind: Deploys.OperationKind) {
        switch kind {
        case .deploy: self = .deploy
        case .rollback: self = .rollback
        case .restart: self = .restart
        case .boot: self = .boot
        }
    }
}

extension AdminAPI.OperationEvent {
    init(_ event: Deploys.OperationEvent, of kind: Deploys.OperationKind) {
        switch event {
        case .stepStarted(let step, let title): self = .stepStarted(step: step.name, title: title)
        case .output(let step, let line): self = .output(step: step.name, line: line)
        case .progress(let step, let progress): self = .progress(step: step.name, text: progress.text)
        case .stepFinished(let step, let nanoseconds, let failure):
            self = .stepFinished(step: step.name, seconds: Double(nanoseconds) / 1e9, failure: failure)
        case .switched(let release, let nanoseconds):
            self = .switched(release: release, milliseconds: Double(nanoseconds) / 1e6)
        case .notice(let level, let text):
            self = .notice(level: NoticeLevel(rawValue: level.rawValue) ?? .info, text: text)
        case .skipped(let events): self = .skipped(events: events)
        case .finished(let outcome): self = .finished(AdminAPI.OperationResult(outcome, of: kind))
        }
    }
}

extension AdminAPI.OperationResult {
    init(_ outcome: Deploys.OperationOutcome, of kind: Deploys.OperationKind) {
        let result: AdminAPI.OperationOutcome =
            switch (outcome.result, kind) {
            case (.done, .deploy): .stable
            case (.done, .rollback): .switched
            case (.done, .restart), (.done, .boot): .restarted
            case (.pending, _): .pending
            case (.failed, _): .failed
            case (.aborted, _): .aborted
            case (.rolledBack, _): .rolledBack
            case (.interrupted, _): .interrupted
            }
        self.init(
            result, deploy: outcome.deploy, release: outcome.liveRelease, summary: outcome.summary,
            failure: outcome.failure.map { FailureReport($0, step: outcome.failedStep?.name) },
            switchMilliseconds: outcome.switchNanoseconds.map { Double($0) / 1e6 },
            seconds: outcome.nanoseconds.map { Double($0) / 1e9 })
    }
}

extension FailureReport {
    init(_ failure: DeployFailure, step: String?) {
        self.init(
            step: failure.boot?.step ?? step ?? failure.code.name, summary: failure.summary, details: failure.details,
            exit: failure.boot?.exit?.description, outputTail: failure.outputTail, hint: failure.hint)
        code = failure.code.name
    }

    init(_ failure: BootFailure) {
        self.init(
            step: failure.step, summary: failure.summary, details: failure.details, exit: failure.exit?.description,
            outputTail: failure.outputTail, hint: failure.hint)
    }
}

extension ControlError {
    init(_ refusal: OperationRefusal) {
        switch refusal {
        case .busy, .locked:
            self.init(
                .refused, "\(refusal)", hint: "Wait for it with --wait, or stop it with `passenger deploys abort`.")
        case .frozen:
            self.init(.refused, "Nothing is deployed: \(refusal)", hint: "`passenger unlock` lets deploys go on.")
        case .notADeployRoot:
            self.init(.refused, "\(refusal)", hint: "`passenger deploy --root DIR --repo URL` makes a deploy root.")
        case .noSuchDeploy: self.init(.notFound, "\(refusal)")
        case .invalid(let failure):
            self.init(.refused, "\(failure)", hint: failure.hint, details: failure.details.map { [$0] } ?? [])
        case .shuttingDown: self.init(.notRunning, "\(refusal)")
        }
    }
}

extension LockAnswer {
    init(_ app: AppName, _ freeze: Freeze?) {
        self.init(
            app: app, lock: freeze.map { LockStatus(message: $0.message, by: $0.owner, since: WallTime($0.since)) })
    }
}

extension DeployPlan {
    init(_ app: AppName, _ forecast: DeployForecast) {
        self.init(
            app: app, repository: forecast.repository, ref: forecast.commit.ref, revision: forecast.commit.id,
            author: forecast.commit.author, subject: forecast.commit.subject, deploy: forecast.number,
            from: forecast.from?.label.name, strategy: forecast.strategy.rawValue, workers: forecast.workers,
            bakeSeconds: forecast.bake.inSeconds,
            steps: forecast.steps.map { Step(title: $0.title, commands: $0.commands) }, notes: forecast.notes,
            obstacles: forecast.obstacles.map { FailureReport($0, step: nil) })
    }
}

extension DeploySummary {
    init(_ record: DeployRecord) {
        self.init(number: record.number, state: record.state.name)
        ref = record.commit?.ref ?? record.request.ref
        revision = record.commit?.id
        release = record.release?.label.name
        startedAt = WallTime(record.requestedAt)
        finishedAt = record.finishedAt.map { WallTime($0) }
        by = record.request.requester.user ?? "uid \(record.request.requester.uid)"
        reason = record.failure?.description
    }
}

extension DeployDetail {
    init(_ record: DeployRecord) {
        self.init(
            summary: DeploySummary(record),
            steps: record.steps.map { step in
                AdminAPI.DeployStep(
                    step: step.title, state: step.result.rawValue, seconds: step.nanoseconds.map { Double($0) / 1e9 },
                    startedAt: WallTime(step.start))
            },
            failure: record.failure.map { FailureReport($0, step: record.failedStep?.name) })
        let asked = record.request.requester
        requester = DeployRequester(user: asked.user, uid: asked.uid, command: asked.command, ci: asked.ci)
        commit = record.commit.map { DeployCommit(id: $0.id, author: $0.author, subject: $0.subject) }
        repository = record.repository.map(SecretMask.withoutCredentials)
        previous = record.previous?.label.name
        result = OperationOutcome(record.state).map { outcome in
            OperationResult(
                outcome, deploy: record.number, release: outcome == .stable ? record.release?.label.name : previous,
                failure: failure, switchMilliseconds: record.switchNanoseconds.map { Double($0) / 1e6 },
                seconds: record.finishedAt.map { $0.timeIntervalSince(record.requestedAt) })
        }
    }
}

extension AdminAPI.OperationOutcome {
    /// Nil while the deploy goes on.
    init?(_ state: DeployState) {
        switch state {
        case .stable: self = .stable
        case .pending: self = .pending
        case .failed: self = .failed
        case .aborted: self = .aborted
        case .rolledBack: self = .rolledBack
        case .interrupted: self = .interrupted
        default: return nil
        }
    }
}

extension ReleaseSummary {
    init(_ row: AppOperations.ReleaseRow) {
        self.init(
            number: row.record.number, name: row.record.release?.label.name ?? "\(row.record.number)",
            state: row.state.rawValue, isLive: row.isLive, isRollbackTarget: row.isRollbackTarget)
        revision = row.record.commit?.id
        ref = row.record.commit?.ref
        subject = row.record.commit?.subject
        createdAt = WallTime(row.record.requestedAt)
    }
}
