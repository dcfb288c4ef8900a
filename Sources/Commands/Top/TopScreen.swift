import AdminAPI
import Model
import Terminal

/// `passenger top` as lines of a terminal: what is busiest comes first.
struct TopScreen: Sendable {
    private struct Row {
        var name: StyledText
        var figures: TopFigures
        var queue: Int?
    }

    private static let columns: [(title: String, width: Int)] = [
        ("REQ/S", 7), ("P50", 5), ("P95", 5), ("P99", 5), ("ERR/S", 6), ("QUEUE", 5), ("BUSY", 7), ("CPU%", 5),
        ("MEM", 5),
    ]
    private static let nameWidths = 12...48

    let traits: TerminalTraits
    let size: ScreenSize
    /// Rows that are scrolled away.
    var offset = 0

    func lines(_ report: TopReport?, title: String, note: String?) -> [String] {
        var lines = [fitted(StyledText(title, .strong))]
        guard let report else { return lines + [fitted(StyledText(note ?? "looking …", note == nil ? .faint : .bad))] }
        lines.append(fitted(note.map { StyledText($0, .bad) } ?? StyledText(summary(report))))
        lines.append("")
        lines.append(heading)
        let rows = rows(report)
        let room = max(1, size.rows - lines.count - 1)
        let first = max(0, min(offset, rows.count - room))
        lines += rows.dropFirst(first).prefix(room).map { line($0) }
        let below = rows.count - first - room
        let more = below > 0 ? "\(below) more below; " : ""
        let foot = fitted(StyledText("\(more)q ends, arrows scroll", .faint))
        // The foot stands at the foot.
        while lines.count < size.rows - 1 { lines.append("") }
        return Array(lines.prefix(max(1, size.rows - 1))) + (size.rows > 5 ? [foot] : [])
    }

    /// How far it makes sense to scroll.
    func lastOffset(_ report: TopReport?) -> Int {
        report.map { max(0, rows($0).count - max(1, size.rows - 5)) } ?? 0
    }

    /// For a pipe: all rows, no matter how many.
    static func plain(_ report: TopReport, title: String) -> [String] {
        let screen = TopScreen(traits: .plain, size: ScreenSize(columns: 120, rows: .max))
        return [title, screen.summary(report), "", screen.heading] + screen.rows(report).map { screen.line($0) }
    }

    private func summary(_ report: TopReport) -> String {
        func sum(_ value: (TopFigures) -> Double) -> Double { report.apps.reduce(0) { $0 + value($1.figures) } }
        let busy = Int(sum { Double($0.busy) })
        let workers = Int(sum { Double($0.workers) })
        let (requests, errors) = (Self.rate(sum(\.requestsPerSecond)), Self.rate(sum(\.errorsPerSecond)))
        func line(_ figures: [String]) -> String {
            var parts = [HumanFormat.count(report.apps.count, "app")] + figures
            parts.append("\(report.apps.reduce(0) { $0 + $1.queue }) waiting")
            if let connections = report.connections { parts.append(HumanFormat.count(connections, "connection")) }
            return parts.joined(separator: ", ")
        }
        let whole = line([
            "\(busy) of \(HumanFormat.count(workers, "worker")) busy", "\(requests) requests/s", "\(errors) errors/s",
        ])
        guard whole.count > width else { return whole }
        return line(["\(busy)/\(workers) busy", "\(requests) req/s", "\(errors) err/s"])
    }

    private func rows(_ report: TopReport) -> [Row] {
        let sorted = report.apps.sorted { a, b in
            (b.figures.requestsPerSecond, a.name.rawValue) < (a.figures.requestsPerSecond, b.name.rawValue)
        }
        return sorted.flatMap { app -> [Row] in
            let name = app.name.rawValue + (app.isPaused ? " (paused)" : "")
            let style: Style = app.isPaused ? .warning : .strong
            // With one generation, its figures are the app's.
            if app.generations.count == 1, let only = app.generations.first {
                return [Row(name: StyledText("\(name) \(label(only))", style), figures: app.figures, queue: app.queue)]
            }
            return [Row(name: StyledText(name, style), figures: app.figures, queue: app.queue)]
                + app.generations.map { generation in
                    Row(
                        name: StyledText("  \(label(generation))", Self.style(generation.state)),
                        figures: generation.figures)
                }
        }
    }

    private func label(_ generation: TopGeneration) -> String {
        ["\(generation.number)", generation.state.rawValue, generation.release].compactMap { $0 }.joined(separator: " ")
    }

    private static func style(_ state: GenerationStatus.State) -> Style {
        switch state {
        case .live: .good
        case .booting, .proved: .warning
        case .standby: .plain
        case .draining: .faint
        }
    }

    // MARK: One line

    /// One column is left free: writing into the last one wraps on some terminals.
    private var width: Int { max(1, size.columns - 1) }

    private var nameWidth: Int {
        let taken = Self.columns.reduce(0) { $0 + $1.width + 1 }
        return min(max(width - taken, Self.nameWidths.lowerBound), Self.nameWidths.upperBound)
    }

    private var heading: String {
        line(StyledText("APP", .faint), Self.columns.map { StyledText($0.title, .faint) })
    }

    private func line(_ row: Row) -> String {
        let figures = row.figures
        return line(
            row.name,
            [
                StyledText(Self.rate(figures.requestsPerSecond)), StyledText(Self.time(figures.p50)),
                StyledText(Self.time(figures.p95)), StyledText(Self.time(figures.p99)),
                StyledText(Self.rate(figures.errorsPerSecond), figures.errorsPerSecond > 0 ? .bad : .plain),
                StyledText(row.queue.map { "\($0)" } ?? "", row.queue ?? 0 > 0 ? .warning : .plain),
                StyledText("\(figures.busy)/\(figures.workers)"),
                StyledText(figures.cpuPercent.map { "\(Int($0.rounded()))" } ?? "-"),
                StyledText(figures.memoryBytes.map { Self.size($0) } ?? "-"),
            ])
    }

    /// On a narrow terminal the last columns are left out, not wrapped.
    private func line(_ name: StyledText, _ cells: [StyledText]) -> String {
        let nameWidth = min(nameWidth, width)
        var text = styled(name, nameWidth, .left)
        var used = nameWidth
        for (cell, column) in zip(cells, Self.columns) {
            guard used + 1 + column.width <= width else { break }
            text += " " + styled(cell, column.width, .right)
            used += 1 + column.width
        }
        return text
    }

    private func styled(_ cell: StyledText, _ width: Int, _ alignment: Alignment) -> String {
        let fitted = cell.text.showable.fitted(to: width, unicode: traits.hasUnicode)
        let blanks = String(repeating: " ", count: max(0, width - fitted.count))
        let styled = cell.style.applied(to: fitted, traits)
        return alignment == .left ? styled + blanks : blanks + styled
    }

    private func fitted(_ text: StyledText) -> String {
        text.style.applied(to: text.text.showable.fitted(to: width, unicode: traits.hasUnicode), traits)
    }

    // MARK: Numbers of at most five characters

    static func rate(_ value: Double) -> String {
        if value >= 99_999.5 { return "\(Int((value / 1000).rounded()))k" }
        if value >= 99.95 { return "\(Int(value.rounded()))" }
        let tenths = Int((value * 10).rounded())
        // Something, even if it is little.
        if tenths == 0, value > 0 { return "<0.1" }
        return "\(tenths / 10).\(tenths % 10)"
    }

    static func time(_ seconds: Double?) -> String {
        guard let seconds else { return "-" }
        if seconds < 0.00995 { return "\(tenths(seconds * 1000))ms" }
        if seconds < 0.9995 { return "\(Int((seconds * 1000).rounded()))ms" }
        if seconds < 99.95 { return "\(tenths(seconds))s" }
        return "\(Int(seconds.rounded()))s"
    }

    static func size(_ bytes: Int) -> String {
        var value = Double(bytes) / 1024
        for unit in ["K", "M", "G"] {
            if value < 999.5 { return "\(value < 9.95 ? tenths(value) : "\(Int(value.rounded()))")\(unit)" }
            value /= 1024
        }
        return "\(tenths(value))T"
    }

    private static func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
