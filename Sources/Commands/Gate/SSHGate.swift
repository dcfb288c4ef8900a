import AdminAPI
import AdminClient
import ArgumentParser
import Model

/// Decides which command line a key behind `passenger ssh-gate` may have run. It is parsed as any command line of this
/// program, and what comes out of that is judged, never its text: only commands that can be confined to one app pass.
struct SSHGate: Sendable {
    private static let maxLine = 32 * 1024
    let app: String
    let role: AppRole
    let instance: String?

    /// The command, confined to the app. Throws what the parser has to say, `ControlError(.forbidden, …)` otherwise.
    func command(_ line: String?) throws -> any ParsableCommand {
        guard let line, !line.isEmpty else { throw refused("This key opens no shell.") }
        guard line.utf8.count <= SSHGate.maxLine, let words = ShellWords.split(line) else {
            throw refused("This key runs commands of passenger only, and no shell reads them.")
        }
        guard words.first == "passenger" else {
            throw refused("This key runs commands of passenger only, not \(words.first ?? "nothing").")
        }
        let command = try PassengerCommand.parseAsRoot(Array(words.dropFirst()))
        guard let command = command as? any GatedCommand, role.includes(type(of: command).neededRole) else {
            let name = type(of: command)._commandName
            throw refused("This key may not use passenger \(name): it has role \(role) of \(app).")
        }
        try command.checkOptions(for: self)
        return try confined(command)
    }

    func refused(_ message: String) -> ControlError {
        ControlError(.forbidden, message, hint: "Its line in authorized_keys says what it may.")
    }

    /// A target that names anything else than the app is refused; one that names nothing is the app.
    private func confined(_ command: some GatedCommand) throws(ControlError) -> any ParsableCommand {
        var command = command
        guard command.target.root == nil else {
            throw refused("This key is for app \(app), and no directory: leave out --root.")
        }
        guard command.target.app == nil || command.target.app == app else {
            throw refused("This key is for app \(app) only.")
        }
        guard command.global.instance == nil || command.global.instance == instance else {
            throw refused("This key is for one server: leave out --instance.")
        }
        command.target.app = app
        command.global.instance = instance
        command.wasConfined()
        return command
    }
}

/// A command that can be confined to one app, and touches no file on the host that its user names.
protocol GatedCommand: ParsableCommand {
    static var neededRole: AppRole { get }
    var target: TargetOptions { get set }
    var global: GlobalOptions { get set }
    /// Refuses what is not about the app alone.
    func checkOptions(for gate: SSHGate) throws(ControlError)
    mutating func wasConfined()
}

extension GatedCommand {
    func checkOptions(for gate: SSHGate) throws(ControlError) {}
    mutating func wasConfined() {}
}
