import AdminAPI
import AdminClient
import ArgumentParser
import Glibc
import Model

struct ExecCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run a command as the app runs: directory, user and environment of what is live.",
        usage: "passenger exec [APP] [--root DIR] [--app NAME] -- COMMAND [ARGUMENT ...]",
        discussion: """
            For example: passenger exec blog -- bundle exec rake db:version
            No shell reads the command; its exit status is this one's.
            """)

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    @Argument(
        parsing: .allUnrecognized,
        help: ArgumentHelp("The app, perhaps, then -- and the command.", valueName: "command"))
    var words: [String]

    private var split: (app: String?, command: [String])? {
        let parts = words.split(separator: "--", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].count <= 1, !parts[1].isEmpty else { return nil }
        guard parts[0].allSatisfy({ !$0.hasPrefix("-") }) else { return nil }
        return (parts[0].first, Array(parts[1]))
    }

    func validate() throws {
        guard let split else { throw ValidationError("Put the command after --: passenger exec [APP] -- COMMAND") }
        if split.app != nil, target.app != nil || target.root != nil {
            throw ValidationError("The app is named twice.")
        }
    }

    func run() throws {
        guard let split else { return }
        let context = CommandContext(global)
        var options = target
        options.app = split.app ?? target.app
        let shell = try AppShell(context.app(options))
        try shell.enter()
        try shell.become(split.command)
    }
}

struct ConsoleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console", abstract: "Open the console of the app's framework or language, in what is live.")

    @OptionGroup var named: NamedApp
    @OptionGroup var global: GlobalOptions

    func run() throws {
        let shell = try AppShell(CommandContext(global).app(named.options))
        try shell.enter()
        let console = AppConsole(context: shell.context) { access($0, F_OK) == 0 }
        try shell.become(console.command())
    }
}
