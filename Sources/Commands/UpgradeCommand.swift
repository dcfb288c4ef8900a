import AdminAPI
import AdminClient
import ArgumentParser

struct UpgradeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade",
        abstract: "Have a running server become the program that is installed now, without losing a request.",
        discussion: """
            To be called after a new version was installed over the old one. The new program is tried and reads the \
            configuration; a core of it makes itself ready beside the one that serves and takes its workers over, which are \
            not started again; requests in flight are answered by the old one. When anything of that fails, the server goes on \
            as it was, and the reason is told. A deploy that runs is waited for. `kill -USR2` does the same.
            """)

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    func run() throws {
        let context = CommandContext(global)
        let instance = try context.target(target, acceptsOnlyInstance: true).instance
        let answer = try AdminClient(socketPath: instance.adminSocket).upgrade()
        if global.json { return try context.console.json(answer, pretty: false) }
        let change =
            answer.from == answer.to ? "version \(answer.to)" : "version \(answer.to), it was \(answer.from) before"
        context.console.line("Server \"\(instance.name)\" runs \(change).")
    }
}
