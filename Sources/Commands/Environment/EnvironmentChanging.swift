import AdminAPI
import AdminClient
import ArgumentParser
import Glibc
import Linux
import Model

/// Sends a change of the env file, and follows the restart that proves it.
struct EnvironmentChanging: Sendable {
    let context: CommandContext
    let app: AppTarget

    init(_ context: CommandContext, _ target: TargetOptions) throws(ControlError) {
        self.context = context
        app = try context.app(target)
    }

    func send(_ request: EnvironmentRequest, _ command: String) throws {
        var request = request
        request.origin = RequestOrigin(command: command, environment: context.environment)
        let change = try app.client.changeEnvironment(app.app, request)
        guard let version = change.version else { return try tell(change, "Nothing is changed.") }
        guard let operation = change.operation else {
            return try tell(change, "Version \(version) of the env file holds from the next start on.")
        }
        let accepted = OperationAccepted(app: app.app, operation: operation)
        do {
            try OperationFollower(context: context, target: app, accepted: accepted).run()
        } catch let status as ExitCode {
            // It is put back after the restart's end.
            let isBack = waits { (try? app.client.environment(app.app, values: false))?.version != version }
            let place = isBack ? "The env file before is in force again." : "The env file is still version \(version)."
            context.console.error("\(place) Nothing but the restart has failed.")
            throw status
        }
        if !context.global.json { context.console.line("The env file is version \(version).") }
    }

    private func tell(_ change: EnvironmentChange, _ text: String) throws {
        if context.global.json { return try context.console.json(change, pretty: false) }
        context.console.line(text)
    }

    /// The server says nothing when it has done it: asked a few times.
    private func waits(until isTrue: () -> Bool) -> Bool {
        for _ in 0..<50 {
            if isTrue() { return true }
            poll(nil, 0, 100)
        }
        return false
    }
}

/// The value of `KEY=-`.
enum ValueInput {
    private static let mostBytes = 1 << 20

    /// All of standard input, without the newline that ends it.
    static func read() throws(ControlError) -> String {
        let bytes: [UInt8]
        do throws(SystemError) { bytes = try readAll(0, limit: mostBytes) } catch {
            throw ControlError(.usage, "Standard input cannot be read: \(error).")
        }
        guard var text = String(validating: bytes, as: UTF8.self) else {
            throw ControlError(.usage, "Standard input is no UTF-8 text.")
        }
        if text.hasSuffix("\n") { text.removeLast() }
        return text
    }
}
