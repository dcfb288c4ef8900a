import AdminAPI
import AdminClient
import ArgumentParser
import Model
import Terminal

/// `passenger-memory-stats`.
struct PassengerMemoryStatsTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "passenger-memory-stats", abstract: "Show what each process takes, as Phusion Passenger does.",
        discussion: "By app and generation, with what is shared: passenger memory-stats",
        version: PassengerCommand.versionText)

    func run() throws {
        let context = CommandContext(GlobalOptions.parseOrExit([]))
        let instances = context.registry.instances()
        let census = MemoryCensus.now()
        var reports: [MemoryReport] = []
        for instance in instances {
            do throws(ControlError) {
                reports.append(census.report(try AdminClient(socketPath: instance.adminSocket).status()))
            } catch {
                // Another user's, with no app of ours.
                guard error.code == .forbidden || error.code == .notRunning else { throw error }
            }
        }
        context.console.lines(Self.lines(reports, date: PassengerPool.date()))
    }

    static func lines(_ reports: [MemoryReport], date: String) -> [String] {
        ["Version: \(ProductVersion.passenger)", "Date   : \(date)", ""]
            + section("---------- Nginx processes ----------", []) + [""]
            + section("----- Passenger processes ------", reports.flatMap(rows))
    }

    private static func section(_ title: String, _ rows: [Row]) -> [String] {
        let cells =
            rows.isEmpty ? [] : [["PID", "VMSize", "Private", "Name"]] + rows.map(\.cells)
        let widths = (0..<3).map { column in cells.reduce(0) { max($0, $1[column].count) } }
        let lines = cells.map { row in
            widths.indices.map { row[$0].padded(to: widths[$0]) }.joined(separator: "  ") + "  \(row[3])"
        }
        let sum = rows.reduce(0) { $0 + $1.privateBytes }
        return [title] + lines.prefix(1) + (lines.isEmpty ? [""] : [String(repeating: "-", count: title.count)])
            + lines.dropFirst()
            + ["### Processes: \(rows.count)", "### Total private dirty RSS: \(megabytes(sum, decimals: 2)) MB"]
    }

    private struct Row {
        var cells: [String]
        var privateBytes: Int
    }

    private static func rows(_ report: MemoryReport) -> [Row] {
        let server = report.server.map { row($0, $0.kind == .supervisor ? "watchdog" : $0.name) }
        let apps = report.apps.flatMap { app in
            (app.generations.flatMap(\.processes) + app.companions).map { process in
                switch process.kind {
                case .preloader: row(process, "AppPreloader: \(app.root)")
                case .companion: row(process, "companion \(process.name): \(app.root)")
                default: row(process, "\(title(app.kind)): \(app.root) (\(app.environment))")
                }
            }
        }
        return server + apps
    }

    private static func row(_ process: MemoryReport.Process, _ name: String) -> Row {
        Row(
            cells: [
                "\(process.pid)", "\(megabytes(process.virtualBytes, decimals: 1)) MB",
                "\(megabytes(process.privateBytes, decimals: 1)) MB", "Passenger \(short(name))".showable,
            ], privateBytes: process.privateBytes)
    }

    /// `guard` of `passenger-guard`, `watch` of `passenger _watch`.
    private static func short(_ name: String) -> Substring {
        name.hasPrefix("passenger") ? name.dropFirst("passenger".count).drop { "-_ ".contains($0) } : name[...]
    }

    private static func title(_ kind: AppKind?) -> String {
        switch kind {
        case .rack: "RubyApp"
        case .wsgi, .asgi: "PythonApp"
        case .node: "NodeApp"
        case .generic, .static, nil: "App"
        }
    }

    private static func megabytes(_ bytes: Int, decimals: Int) -> String {
        let scale = decimals == 1 ? 10 : 100
        let value = (bytes * scale + 512 * 1024) / (1024 * 1024)
        let rest = "\(value % scale)"
        return "\(value / scale).\(String(repeating: "0", count: decimals - rest.count))\(rest)"
    }
}
