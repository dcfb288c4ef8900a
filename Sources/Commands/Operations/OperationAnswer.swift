import AdminAPI

/// What `--detach` prints: the operation goes on without this command.
struct OperationAnswer: Sendable {
    let context: CommandContext

    func tell(_ accepted: OperationAccepted) throws {
        if context.global.json { return try context.console.json(accepted, pretty: false) }
        guard let deploy = accepted.deploy else {
            return context.console.line("\(accepted.operation) has begun. See: passenger status")
        }
        context.console.line(
            "Deploy \(deploy) has begun. Follow it: passenger deploys attach \(deploy) --app \(accepted.app)")
    }
}
