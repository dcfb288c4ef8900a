import AdminAPI
import AdminClient
import Glibc
import Linux
import Model
import Terminal

/// Shows an operation until it ends, or until its user has seen enough: Ctrl-C leaves it running.
struct OperationFollower: Sendable {
    enum End: Sendable, Equatable {
        case finished(OperationResult)
        case switched(release: String?)
        case detached
    }

    let context: CommandContext
    let target: AppTarget
    let accepted: OperationAccepted
    var showsOutput = false
    /// What comes after the switch is not waited for.
    var leavesAtSwitch = false
    /// Called when the operation is over; not when its user has only seen enough.
    var whenFinished: @Sendable () -> Void = {}

    /// Follows to the end and says how it went; throws what the exit status has to tell.
    func run() throws {
        switch try follow() {
        case .detached: context.console.error(detachedText)
        case .switched(let release):
            if !context.global.json {
                context.console.line("\(release ?? "The new version") has the traffic. \(detachedText)")
            }
        case .finished(let result):
            whenFinished()
            try OperationReport(context: context, accepted: accepted).tell(result)
        }
    }

    private func follow() throws(ControlError) -> End {
        // Two signals that would end this process become readable; nothing that it starts inherits this.
        guard let signals = try? SignalDescriptor([SIGINT, SIGTERM]) else {
            throw ControlError(.internalError, "Signals cannot be received: \(SystemError.describe(errno)).")
        }
        if context.global.json { try? context.console.json(AcceptedLine(accepted), pretty: false) }
        var screen = OperationScreen(context: context, showsOutput: showsOutput)
        defer { screen.end() }
        var stream = try target.client.events(accepted.app, accepted.operation)
        while true {
            switch try stream.next(timeout: screen.tickInterval, interrupt: signals.number) {
            case .event(.finished(let result)):
                screen.show(.finished(result))
                return .finished(result)
            case .event(.switched(let release, let milliseconds)):
                screen.show(.switched(release: release, milliseconds: milliseconds))
                if leavesAtSwitch { return .switched(release: release) }
            case .event(let event): screen.show(event)
            case .timedOut: screen.tick()
            case .interrupted: return .detached
            case .ended: throw cutOff
            }
        }
    }

    private var detachedText: String {
        let name = accepted.deploy.map { "Deploy \($0)" } ?? "The \(accepted.operation)"
        guard let deploy = accepted.deploy else { return "\(name) goes on. See: passenger status" }
        return "\(name) goes on. Follow it again: passenger deploys attach \(deploy) --app \(accepted.app)"
    }

    private var cutOff: ControlError {
        ControlError(
            .failed, "The server went away before the end of \(accepted.operation).",
            hint: accepted.deploy.map { "See what became of it: passenger deploys show \($0)" }
                ?? "See what holds now: passenger status")
    }
}

/// First line of `--json`.
private struct AcceptedLine: Encodable {
    var event = "accepted"
    var app: AppName
    var operation: OperationID
    var deploy: DeployNumber?

    init(_ accepted: OperationAccepted) {
        app = accepted.app
        operation = accepted.operation
        deploy = accepted.deploy
    }
}
