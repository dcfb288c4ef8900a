import AdminAPI
import AdminClient
import ArgumentParser
import Model

struct LockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock", abstract: "Keep an app from being deployed, until it is unlocked.",
        discussion: "A running deploy goes on, and so do restarts and rollbacks.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    @Option(name: .shortAndLong, help: ArgumentHelp("Why: shown to whoever wants to deploy.", valueName: "text"))
    var message: String

    func run() throws {
        let context = CommandContext(global)
        let app = try context.app(target, acceptsOnlyInstance: true)
        var request = LockRequest(message: message)
        request.origin = RequestOrigin(command: "passenger lock", environment: context.environment)
        let answer = try app.client.lock(app.app, request)
        if global.json { return try context.console.json(answer, pretty: false) }
        context.console.line("\(answer.app) is locked; let deploys go on with: passenger unlock")
    }
}

struct UnlockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock", abstract: "Let a locked app be deployed again.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    func run() throws {
        let context = CommandContext(global)
        let app = try context.app(target, acceptsOnlyInstance: true)
        var request = UnlockRequest()
        request.origin = RequestOrigin(command: "passenger unlock", environment: context.environment)
        let answer = try app.client.unlock(app.app, request)
        if global.json { return try context.console.json(answer, pretty: false) }
        guard let lock = answer.lock else { return context.console.line("\(answer.app) was not locked.") }
        context.console.line("\(answer.app) can be deployed again; it was locked by \(lock.by): \(lock.message)")
    }
}
