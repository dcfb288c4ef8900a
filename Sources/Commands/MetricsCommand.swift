import AdminAPI
import AdminClient
import ArgumentParser

struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "Print what is counted and measured, for Prometheus.",
        discussion: "The same as GET /metrics of the admin API. With --app of that app alone.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    func run() throws {
        let context = CommandContext(global)
        let instance = try context.target(target, acceptsOnlyInstance: true).instance
        let client = AdminClient(socketPath: instance.adminSocket)
        if global.json {
            try context.console.json(client.metrics(of: target.app))
        } else {
            context.console.write(try client.metricsText(of: target.app))
        }
    }
}
