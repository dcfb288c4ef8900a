import Foundation
import Model
import Pool
import Synchronization

/// What was asked for, kept until the operation is over.
enum OperationRequest: Sendable {
    case deploy(DeployRequest)
    /// A release that is sealed and pending.
    case resume(DeployNumber, Requester)
    case rollback(RollbackRequest)
    case restart(RestartRequest)

    var kind: OperationKind {
        switch self {
        case .deploy, .resume: .deploy
        case .rollback: .rollback
        case .restart: .restart
        }
    }

    var requester: Requester {
        switch self {
        case .deploy(let request): request.requester
        case .resume(_, let requester): requester
        case .rollback(let request): request.requester
        case .restart(let request): request.requester
        }
    }
}

/// An operation that was accepted, running or not yet.
struct OperationTicket: Sendable {
    let number: OperationNumber
    var request: OperationRequest
    let since: Date
    let log: OperationLog
    /// The deploy that this rollback stopped, if it did.
    var stopped: DeployNumber?

    func handle(deploy: DeployNumber? = nil) -> OperationHandle {
        OperationHandle(operation: number, kind: request.kind, deploy: deploy, log: log)
    }
}

/// What is known about the code that a generation runs.
struct BootedCode: Sendable, Equatable {
    var generation: GenerationNumber
    /// Nil in place.
    var release: ReleaseLocation?
    var settings: AppSettings
}

struct StandbyCode: Sendable, Equatable {
    var code: BootedCode
    var clock: StandbyClock
}

/// The one operation that runs: the decisions (`machine`) and everything that its steps have found out so far.
struct OperationRun {
    let ticket: OperationTicket
    var machine: DeployStateMachine
    /// Of the journal; nil for a restart or a rollback, which have none.
    var deploy: DeployNumber?
    var task: Task<Void, Never>?
    let began: Instant
    var stepBegan: Instant
    var output: StepOutput
    /// The step was told to give up because its time is over.
    var isOverdue = false

    var deploySettings: DeploySettings?
    var commit: ResolvedCommit?
    var release: ReleaseLocation?
    var settings: AppSettings?
    /// What was live before the switch.
    var old: BootedCode?
    var bake: BakeWatch?
    var evidence: BakeEvidence?
    var hasToldLatency = false
    var guardian: MigrationGuard?
    /// Workers that the live generation had when the new one was booted, and that it is to have.
    var capacity = 1
    /// Workers of the new generation that have to be there now.
    var freshWorkers = 1
    /// The path by which the new generation's workers were found to be healthy.
    var provedBy: String?
    /// Workers that a rolling deploy takes at a time.
    var batch = 1
    /// Companions whose trouble has been told.
    var troubled: Set<String> = []
    var switchNanoseconds: Int64?
    /// Asked for while this deploy had not booted anything yet: the switch answers it, a failure does not.
    var joinedRestart: RestartRequest?

    init(ticket: OperationTicket, plan: OperationPlan, now: Instant) {
        self.ticket = ticket
        machine = DeployStateMachine(plan: plan)
        began = now
        stepBegan = now
        output = StepOutput(.inspect, ticket.log)
    }
}

/// What was seen of a version that did badly.
struct BakeEvidence: Sendable {
    /// Lines of an `ErrorDiff`.
    var routes: [String]
    var output: [String]
}

/// What the commands of a step print: for followers, and its end for the record.
final class StepOutput: Sendable {
    private let step: DeployStep
    private let log: OperationLog?
    private let lines = Mutex(OutputTail())

    var tail: OutputTail { lines.withLock { $0 } }

    init(_ step: DeployStep, _ log: OperationLog?) {
        self.step = step
        self.log = log
    }

    func note(_ line: String) {
        lines.withLock { $0.append(line) }
        log?.append(.output(step: step, line: line))
    }
}

/// What a step found out.
enum StepProduct: Sendable {
    case nothing
    case inspected(AppSettings)
    case fetched(repository: String, DeploySettings)
    case resolved(ResolvedCommit)
    case checkedOut(ReleaseLocation)
    case booted(BootedGeneration)
}
