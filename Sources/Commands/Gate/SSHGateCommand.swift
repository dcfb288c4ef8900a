import AdminAPI
import ArgumentParser
import Foundation
import Model

extension AppRole: ExpressibleByArgument {}

struct SSHGateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ssh-gate", abstract: "Let an ssh key do what a role may with one app, and nothing else.",
        discussion: """
            For a line of authorized_keys; the options there are ssh's own:
            restrict,command="passenger ssh-gate --app blog --role deploy" ssh-ed25519 AAAA… ci
            """)

    @Option(help: ArgumentHelp("The app that the key is for.", valueName: "name"))
    var app: String

    @Option(help: "What it may do.")
    var role: AppRole

    @Option(help: ArgumentHelp("The running server to talk to.", valueName: "name"))
    var instance: String?

    func run() throws {
        let line = ProcessInfo.processInfo.environment["SSH_ORIGINAL_COMMAND"]
        let gate = SSHGate(app: app, role: role, instance: instance)
        do {
            var command = try gate.command(line)
            try command.run()
        } catch let error as ControlError {
            // A client that reads JSON is told in JSON.
            let asJSON = line?.split(separator: " ").contains("--json") ?? false
            Console(environment: ProcessInfo.processInfo.environment).report(error, asJSON: asJSON)
            throw ExitCode(error.code.exitStatus)
        }
    }
}
