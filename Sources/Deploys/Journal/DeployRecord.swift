package import Foundation
package import Model

/// How far a deploy has come. The cases up to `baking` are milestones, in order; the rest are ends.
package enum DeployState: String, Sendable, Codable, CaseIterable {
    case requested, fetched, resolved, checkedOut, linked, built, sealed
    /// Sealed without a running server; the next `start` goes on with it.
    case pending
    case proved, beforeBoot, booted, healthy, switched, baking
    case stable, failed, aborted, rolledBack
    /// The core or the machine went away in the middle.
    case interrupted

    /// For people and for programs. The journal has the raw values.
    package var name: String { rawValue.inSnakeCase }

    package var isEnd: Bool {
        switch self {
        case .stable, .failed, .aborted, .rolledBack, .interrupted: true
        default: false
        }
    }
}

package enum StepResult: String, Sendable, Codable { case running, done, failed, cancelled }

package struct StepRecord: Sendable, Equatable, Codable {
    package var step: DeployStep
    package var title: String
    package var start: Date
    package var end: Date?
    package var nanoseconds: Int64?
    package var result: StepResult
    /// The end of its output, at most `OutputTail.limit` bytes.
    package var output: String

    package init(step: DeployStep, title: String, start: Date) {
        self.step = step
        self.title = title
        self.start = start
        self.result = .running
        self.output = ""
    }
}

/// The journal of one deploy, `deploys/<n>.json`: what was asked, how far it came, why it ended.
package struct DeployRecord: Sendable, Equatable, Codable {
    package static let version = 1

    package var version = DeployRecord.version
    package var number: DeployNumber
    package var request: DeployRequest
    package var requestedAt: Date
    package var finishedAt: Date?
    package var state: DeployState
    /// The last milestone before it ended.
    package var reached: DeployState
    package var repository: String?
    package var commit: ResolvedCommit?
    package var release: ReleaseLocation?
    /// The configuration it was last read with: a rollback uses it when the files have become unreadable.
    package var settings: AppSettings?
    /// Release that was live when this deploy began.
    package var previous: ReleaseLocation?
    package var steps: [StepRecord] = []
    package var failedStep: DeployStep?
    /// The reason of an end other than `stable`, with its evidence.
    package var failure: DeployFailure?
    package var switchNanoseconds: Int64?
    /// Whether this release survived its bake. Once true it stays true.
    package var wasStable = false
    /// Rolled back by hand: never a default target again.
    package var isWithdrawn = false
    /// The release's directory is gone.
    package var isPruned = false
    /// The tool that made this release, before the root was ours.
    package var takenOverFrom: String?

    package init(number: DeployNumber, request: DeployRequest, requestedAt: Date) {
        self.number = number
        self.request = request
        self.requestedAt = requestedAt
        self.state = .requested
        self.reached = .requested
    }
}

extension DeployRecord {
    /// Its release is whole.
    var isSealed: Bool {
        switch reached {
        case .sealed, .pending, .proved, .beforeBoot, .booted, .healthy, .switched, .baking, .stable: release != nil
        case .requested, .fetched, .resolved, .checkedOut, .linked, .built: false
        case .failed, .aborted, .rolledBack, .interrupted: false
        }
    }

    /// Whether a step was begun and has not come to its end.
    func isOpen(_ step: DeployStep) -> Bool { steps.last { $0.step == step }.map { $0.end == nil } ?? false }

    /// A step of commands that the core before has left open goes on as what it is.
    mutating func begin(_ step: DeployStep, title: String, at date: Date) {
        if (step.waitsForCommands || step.isAfterwards) && isOpen(step) { return }
        steps.append(StepRecord(step: step, title: title, start: date))
    }

    /// What an attempt that is over has left open.
    mutating func closeSteps(at date: Date) {
        for index in steps.indices where steps[index].end == nil {
            steps[index].end = date
            steps[index].result = .cancelled
        }
    }

    /// Whether a hook of these commands was run to its good end.
    func hasRun(_ step: DeployStep, _ commands: [String]) -> Bool {
        !commands.isEmpty && steps.contains { $0.step == step && $0.result == .done }
    }
}
