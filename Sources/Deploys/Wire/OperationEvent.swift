package import Foundation
package import Model

package enum OperationKind: String, Sendable, Codable { case deploy, rollback, restart, boot }

/// Numbers the operations of one app while one core lives.
package struct OperationNumber: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    package let rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }
    package init(_ rawValue: Int) { self.rawValue = rawValue }
    package var description: String { "#\(rawValue)" }
    package static func < (a: OperationNumber, b: OperationNumber) -> Bool { a.rawValue < b.rawValue }
}

/// What happens in an operation, in order, as whoever follows it sees it.
package enum OperationEvent: Sendable, Equatable, Codable {
    /// `title` is for people: "bundle install", "boot 3 workers".
    case stepStarted(step: DeployStep, title: String)
    /// One line of a command's output, without its newline.
    case output(step: DeployStep, line: String)
    /// Replaces itself on a terminal: "120 of 300 objects".
    case progress(step: DeployStep, StepProgress)
    case stepFinished(step: DeployStep, nanoseconds: Int64, failure: String?)
    /// All traffic goes to `release` now; measured around the pool's switch.
    case switched(release: String?, nanoseconds: Int64)
    case notice(NoticeLevel, String)
    /// The log dropped this many events that a follower had not read yet.
    case skipped(events: Int)
    /// Always the last event.
    case finished(OperationOutcome)
}

package struct StepProgress: Sendable, Equatable, Codable {
    package var done: Int
    /// Nil when it is not known.
    package var total: Int?
    /// `objects`, `files`
    package var unit: String
    package init(done: Int, total: Int?, unit: String) {
        self.done = done
        self.total = total
        self.unit = unit
    }

    /// `40% (120 of 300 objects)`, never 100% before it is all; `120 objects` while nobody knows how many there are.
    package var text: String {
        guard let total, total > 0 else { return "\(done) \(unit)" }
        // In full width: the numbers come from a process that may say anything.
        let percent = total.dividingFullWidth(100.multipliedFullWidth(by: min(max(done, 0), total))).quotient
        return "\(percent)% (\(done) of \(total) \(unit))"
    }
}

package enum NoticeLevel: String, Sendable, Codable { case info, warning, alarm }

package struct LoggedEvent: Sendable, Equatable, Codable {
    /// Counts from 0 within an operation.
    package var sequence: Int
    package var at: Date
    package var event: OperationEvent
    package init(sequence: Int, at: Date, event: OperationEvent) {
        self.sequence = sequence
        self.at = at
        self.event = event
    }
}

package enum OperationResult: String, Sendable, Codable, CaseIterable {
    /// Stable, restarted, or rolled back as asked.
    case done
    /// Sealed, no server runs to switch to it: `start` goes on from there.
    case pending
    case failed
    case aborted
    /// The new version was live and the old one was switched back to, by the bake or by a person.
    case rolledBack
    /// The server is going away; the record says from where to go on.
    case interrupted

    /// For people and for programs.
    package var name: String { rawValue.inSnakeCase }
}

package struct OperationOutcome: Sendable, Equatable, Codable {
    package var result: OperationResult
    package var deploy: DeployNumber?
    /// Name of the release that is live now, when the app has releases.
    package var liveRelease: String?
    package var failedStep: DeployStep?
    package var failure: DeployFailure?
    package var switchNanoseconds: Int64?
    /// From its beginning, or its resumption, to this.
    package var nanoseconds: Int64?
    /// One line for people.
    package var summary: String

    package init(
        _ result: OperationResult, summary: String, deploy: DeployNumber? = nil, liveRelease: String? = nil,
        failedStep: DeployStep? = nil, failure: DeployFailure? = nil, switchNanoseconds: Int64? = nil
    ) {
        self.result = result
        self.summary = summary
        self.deploy = deploy
        self.liveRelease = liveRelease
        self.failedStep = failedStep
        self.failure = failure
        self.switchNanoseconds = switchNanoseconds
    }
}

/// One line about an operation, for `status` and for the refusal of a second one.
package struct OperationSummary: Sendable, Equatable, Codable {
    package var operation: OperationNumber
    package var kind: OperationKind
    package var deploy: DeployNumber?
    package var requester: Requester
    package var since: Date
    package var step: DeployStep?
    package var outcome: OperationOutcome?

    package init(
        operation: OperationNumber, kind: OperationKind, deploy: DeployNumber?, requester: Requester, since: Date,
        step: DeployStep?, outcome: OperationOutcome?
    ) {
        self.operation = operation
        self.kind = kind
        self.deploy = deploy
        self.requester = requester
        self.since = since
        self.step = step
        self.outcome = outcome
    }
}

/// An operation that was not taken on. Nothing was changed.
package enum OperationRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// Exit status 4; names whoever was first.
    case busy(OperationSummary)
    /// Another process holds the app's operation lock; `holder` is what it wrote into it.
    case locked(holder: String)
    /// A deploy or a rollback of an app that is served in place.
    case notADeployRoot
    /// `passenger lock`: a person wants nothing to be deployed.
    case frozen(Freeze)
    case noSuchDeploy(DeployNumber)
    case invalid(DeployFailure)
    case shuttingDown

    package var description: String {
        switch self {
        case .busy(let first):
            "\(first.kind.rawValue) \(first.deploy.map { "\($0) " } ?? "")by \(first.requester) has been running since "
                + first.since.formatted(.iso8601)
        case .locked(let holder): "another process deploys this app: \(holder)"
        case .frozen(let freeze):
            "deploys are locked by \(freeze.owner) since \(freeze.since.formatted(.iso8601)): \(freeze.message)"
        case .notADeployRoot: "this app is served in place: it has no releases to deploy or to go back to"
        case .noSuchDeploy(let number): "there is no deploy \(number)"
        case .invalid(let failure): failure.summary
        case .shuttingDown: "the server is shutting down"
        }
    }
}
