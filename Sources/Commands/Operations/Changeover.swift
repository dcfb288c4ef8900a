import AdminAPI
import AdminClient
import Foundation
import Glibc
import Linux
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
        if case .unfit(let reason) = try future.look() { throw refusal(reason) }
        let target = isInDirectory ? try waitForDirectory(future) : try reload(future, context)
        if !context.global.json {
            context.console.line("The server \"\(server.name)\" has gone over from \(root)/current to \(root).")
        }
        return target
    }

    private func refusal(_ reason: String) -> ControlError {
        ControlError(
            .refused, "\(root) cannot be taken over: \(reason).",
            hint: "The server \"\(server.name)\" serves \(root)/current as it stands, and goes on with it.")
    }

    private func reload(_ future: borrowing FutureRoot, _ context: CommandContext) throws -> Target {
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
        let query = TargetQuery(
            instance: server.name, root: root, app: nil, workingDirectory: root, acceptsOnlyInstance: false)
        return try query.choose(from: context.registry.instances())
    }

    // MARK: An app of a directory of apps

    /// The half minute after which a server looks at each entry, and the time that workers may take to start.
    private static let patience = Duration.seconds(120)

    private var isInDirectory: Bool {
        server.apps.contains { $0.root == "\(root)/current" && $0.isEntry == true }
    }

    /// The server sees by itself that the root has become another: nothing of its configuration is read again for that. Commands find
    /// the app at its new place when it is there.
    private func waitForDirectory(_ future: borrowing FutureRoot) throws -> Target {
        // It would be another app, of another user: stopped here and started there.
        guard try future.hasOwner(ofTarget: "current") else {
            throw refusal("its live release belongs to another user than the root itself")
        }
        let record = (server.adminSocket as NSString).deletingLastPathComponent
        let changes = try Inotify()
        // Only a hint.
        _ = try? changes.add(record, [.movedTo, .closedAfterWrite, .onlyDirectory])
        try future.mark()
        let registry = InstanceRegistry(directories: [(record as NSString).deletingLastPathComponent])
        let end = ContinuousClock.now + Self.patience
        while true {
            let now = registry.instances().first { $0.pid == server.pid }
            if let now, let app = now.apps.first(where: { $0.root == root }) {
                return Target(instance: now, app: app.name)
            }
            let left = end - .now
            guard left > .zero, now != nil else { throw notYet }
            var request = pollfd(fd: changes.number, events: Int16(POLLIN), revents: 0)
            // A server that ends changes nothing there: it is looked for every second.
            poll(&request, 1, Int32(min(left, .seconds(1)).inMilliseconds))
            _ = try changes.read()
        }
    }

    private var notYet: ControlError {
        ControlError(
            .failed, "The server \"\(server.name)\" has not gone over from \(root)/current to \(root).",
            hint: "Its log says why. Deploy again when it has: passenger status --instance \(server.name)")
    }
}
