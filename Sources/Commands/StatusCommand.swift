import AdminAPI
import AdminClient
import ArgumentParser
import Glibc
import Model
import Terminal

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show servers, apps, generations and workers.")

    /// Of the app that is named, and of no other.
    @Flag(help: .hidden)
    var alone = false

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    @Flag(name: .shortAndLong, help: "Show it again and again, until you press Ctrl-C.")
    var watch = false

    @Option(help: ArgumentHelp("How often, with --watch.", valueName: "time"))
    var interval = TimeSpan(duration: .seconds(2))

    func validate() throws {
        guard interval.duration >= .milliseconds(100) else { throw ValidationError("--interval is 100ms at least.") }
    }

    func run() throws {
        let context = CommandContext(global)
        guard watch else { return try tell(context) { context.console.write($0) } }
        while true {
            var text = ""
            do throws(ControlError) { try tell(context) { text += String(decoding: $0, as: UTF8.self) } } catch {
                // A core that is replaced is back in a moment; a server that is gone is not.
                guard error.code != .usage, error.code != .forbidden else { throw error }
                text = "\(error.message)\n"
            }
            context.console.write(context.console.output.isLive ? screen().frame(text) : text)
            usleep(UInt32(clamping: Int64(interval.duration.inMilliseconds * 1000)))
        }
    }

    private func screen() -> WatchScreen {
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else {
            return WatchScreen(rows: 24, columns: 80)
        }
        return WatchScreen(rows: Int(size.ws_row), columns: Int(size.ws_col))
    }

    private func tell(_ context: CommandContext, _ write: ([UInt8]) -> Void) throws(ControlError) {
        let instances = try context.instances(target)
        let isPretty = instances.count == 1 && !watch
        for (index, instance) in instances.enumerated() {
            let client = AdminClient(socketPath: instance.adminSocket)
            if global.json {
                write(try json(client, isPretty) + [UInt8(ascii: "\n")])
            } else {
                let lines = StatusText(traits: context.console.output).lines(try report(client))
                write(Array(((index > 0 ? "\n" : "") + lines.joined(separator: "\n") + "\n").utf8))
            }
        }
    }

    private func report(_ client: AdminClient) throws(ControlError) -> StatusReport {
        var report = try client.status()
        if alone { report.apps.removeAll { $0.name.rawValue != target.app } }
        return report
    }

    private func json(_ client: AdminClient, _ isPretty: Bool) throws(ControlError) -> [UInt8] {
        let pretty = alone ? try report(client).json() : try client.statusJSON()
        guard isPretty else { return WireJSON.oneLine(pretty) }
        return Array(pretty.reversed().drop { $0 == UInt8(ascii: "\n") }.reversed())
    }
}
