import AdminAPI
import AdminClient
import Model
import Releases

/// A server that serves a root's `current` in place goes over to the root itself, which becomes a deploy root for it. It serves on
/// while it does.
struct Changeover {
    let server: InstanceRecord
    let root: String

    func run(_ context: CommandContext) throws -> Target {
        do {
            return try changeOver(context)
        } catch let error as StartError {
            throw ControlError(error)
        }
    }

    private func changeOver(_ context: CommandContext) throws -> Target {
        let future = try FutureRoot(root)
        if case .unfit(let reason) = try future.look() {
            throw ControlError(
                .refused, "\(root) cannot be taken over: \(reason).",
                hint: "The server \"\(server.name)\" serves \(root)/current as it stands, and goes on with it.")
        }
        try future.mark()
        let answer: ReloadAnswer
        do throws(ControlError) {
            answer = try AdminClient(socketPath: server.adminSocket).reload()
        } catch {
            // Any other error leaves it open how far that has come.
            if error.code.exitStatus == ErrorCode.refused.exitStatus { try future.unmark() }
            throw ControlError(
                error.code,
                "The server \"\(server.name)\" cannot go over from \(root)/current to \(root) while it runs.",
                hint: "Stop it with `passenger stop`, deploy again, and start \(root) instead.",
                details: [error.message] + error.details)
        }
        guard answer.problems.isEmpty else {
            throw ControlError(
                .failed, "The server \"\(server.name)\" has not gone over to \(root).", details: answer.problems)
        }
        if !context.global.json {
            context.console.line("The server \"\(server.name)\" has gone over from \(root)/current to \(root).")
        }
        let query = TargetQuery(
            instance: server.name, root: root, app: nil, workingDirectory: root, acceptsOnlyInstance: false)
        return try query.choose(from: context.registry.instances())
    }
}
