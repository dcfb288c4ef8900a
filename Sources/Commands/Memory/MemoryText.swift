import Model
import Terminal

/// `passenger memory-stats` as text: a table for each generation and for the server, and what they add up to.
struct MemoryText {
    let traits: TerminalTraits

    func lines(_ report: MemoryReport) -> [String] {
        var lines: [String] = []
        for app in report.apps {
            lines.append("\(Style.strong.applied(to: app.name.rawValue, traits)): \(app.root.showable)")
            for generation in app.generations {
                let release = generation.release.map { ", \($0)" } ?? ""
                lines.append("  generation \(generation.number)\(release), \(generation.state)")
                lines += table(generation.processes)
            }
            if !app.companions.isEmpty { lines += ["  companions"] + table(app.companions) }
            if app.generations.count + (app.companions.isEmpty ? 0 : 1) != 1 {
                lines.append("  \(app.name) in all: \(words(app.total))")
            }
            lines.append("")
        }
        lines += [Style.strong.applied(to: "the server itself", traits)] + table(report.server)
        lines += ["", "in all: \(words(MemoryReport.Sum(report.all)))"]
        if !report.all.allSatisfy(\.isExact) {
            lines.append(
                "* not looked at closely: what is shared with a parent counts as private. As root it is exact.")
        }
        return lines
    }

    private func table(_ processes: [MemoryReport.Process]) -> [String] {
        guard !processes.isEmpty else { return ["    no process"] }
        var table = Table([
            .init("PID", .right), .init("PRIVATE", .right), .init("SHARED", .right), .init("PSS", .right),
            .init("SWAP", .right), .init("PROCESS"),
        ])
        for process in processes {
            let mark = process.isExact ? "" : " *"
            let more = process.processes > 1 ? " and its \(process.processes - 1) children" : ""
            table.add([
                StyledText("\(process.pid)"), size(process.privateBytes), size(process.sharedBytes),
                size(process.pssBytes), size(process.swapBytes), StyledText("\(process.name)\(more)\(mark)"),
            ])
        }
        if processes.count > 1 {
            let sum = MemoryReport.Sum(processes)
            table.add([
                StyledText("sum", .faint), size(sum.privateBytes), StyledText("-"), size(sum.pssBytes),
                size(sum.swapBytes), StyledText(HumanFormat.count(sum.processes, "process", "processes"), .faint),
            ])
        }
        return table.lines(traits, indent: 4)
    }

    private func size(_ bytes: Int) -> StyledText { StyledText(bytes == 0 ? "0" : HumanFormat.size(bytes: bytes)) }

    private func words(_ sum: MemoryReport.Sum) -> String {
        let swap = sum.swapBytes > 0 ? ", \(HumanFormat.size(bytes: sum.swapBytes)) swapped out" : ""
        let processes = HumanFormat.count(sum.processes, "process", "processes")
        return
            "\(HumanFormat.size(bytes: sum.pssBytes)) (PSS) in \(processes), "
            + "\(HumanFormat.size(bytes: sum.privateBytes)) of it private\(swap)"
    }
}
