import AdminAPI
import AdminClient
import ArgumentParser
import Glibc
import Linux
import Model
import Terminal

/// `passenger-status`.
struct PassengerStatusTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "passenger-status", abstract: "Show apps, their processes and queues, as Phusion Passenger does.",
        discussion: "Everything there is to know about a server is in: passenger status",
        version: PassengerCommand.versionText)

    enum Show: String, ExpressibleByArgument, CaseIterable { case pool, server, xml, json, requests, backtraces }

    @Argument(help: "The running server (default: the only one).")
    var name: String?

    @Option(help: "What to print.")
    var show = Show.pool

    @Option(help: .hidden)
    var instance: String?

    @Flag(inversion: .prefixedNo, help: ArgumentHelp("Say which version and server it is.", visibility: .hidden))
    var header = true

    @Flag(name: .shortAndLong, help: .hidden)
    var verbose = false

    @Flag(help: "Colours, also where there is no terminal.")
    var forceColors = false

    func run() throws {
        let context = CommandContext(GlobalOptions.parseOrExit([]))
        let record = try InstanceChoice(all: context.registry.instances()).choose(name ?? instance)
        let report = try AdminClient(socketPath: record.adminSocket).status()
        try tell(report, context.console)
    }

    private func tell(_ report: StatusReport, _ console: Console) throws {
        switch show {
        case .pool:
            var traits = console.output
            traits.hasColour = traits.hasColour || forceColors
            let pool = PassengerPool(report)
            console.lines(pool.text(traits, date: PassengerPool.date(), showsHeader: header))
        case .xml: console.lines(PassengerPool(report).xml(now: Self.now()))
        case .json: console.line(PassengerPool(report).json(now: Self.now()))
        case .server: try console.json(report.server)
        case .requests, .backtraces:
            throw ControlError(
                .usage, "There is no list of \(show.rawValue).",
                hint: "passenger status shows the requests of each worker; passenger logs what went wrong.")
        }
    }

    private static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }
}
