import AdminAPI
import AdminClient
import ArgumentParser
import Model

struct MemoryStatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory-stats", abstract: "Show what each process takes: private, shared and proportional memory.",
        discussion: """
            Private pages would be free without the process. PSS counts of each shared page its share, so these may be \
            added up. Other users' processes are looked at from afar unless you are root.
            """)

    /// Of the app that is named, and of no other.
    @Flag(help: .hidden)
    var alone = false

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    func run() throws {
        let context = CommandContext(global)
        let instances = try context.instances(target)
        for (index, instance) in instances.enumerated() {
            var status = try AdminClient(socketPath: instance.adminSocket).status()
            if alone || target.app != nil { status.apps.removeAll { $0.name.rawValue != target.app } }
            let report = MemoryCensus.now().report(status)
            if global.json {
                try context.console.json(report, pretty: instances.count == 1)
            } else {
                if index > 0 { context.console.line("") }
                context.console.lines(MemoryText(traits: context.console.output).lines(report))
            }
        }
    }
}
