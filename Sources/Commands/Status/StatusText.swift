import AdminAPI
import Model
import Terminal

/// `passenger status` as text.
struct StatusText: Sendable {
    let traits: TerminalTraits

    func lines(_ report: StatusReport) -> [String] {
        let server = report.server
        let name = Style.strong.applied(to: server.instance, traits)
        let uptime = HumanFormat.duration(seconds: server.uptimeSeconds)
        var lines = [
            "\(name): passenger \(server.version), up \(uptime), pid \(server.supervisorPid), core \(server.corePid)",
            "listening on \(server.listeners.isEmpty ? "nothing" : server.listeners.joined(separator: ", "))",
        ]
        lines += warnings(server.warnings ?? [])
        for app in report.apps { lines += [""] + self.lines(app) }
        return lines
    }

    private func lines(_ app: AppStatus) -> [String] {
        let kind = app.kind?.rawValue ?? "not deployed yet"
        var lines = [
            "\(Style.strong.applied(to: app.name.rawValue, traits)): \(app.root) (\(kind), \(app.environment))"
        ]
        if app.isStarted == false, app.lastFailure == nil {
            return [
                "\(Style.strong.applied(to: app.name.rawValue, traits)): \(app.root) (\(app.environment))",
                "  not started: its first request does that",
            ] + warnings(app.warnings)
        }
        if app.mode == .deployRoot {
            lines.append(
                "  live: \(app.liveRelease ?? "nothing; deploy something: passenger deploy --root \(app.root)")")
        }
        lines.append("  \(requests(app))")
        if let operation = app.operation { lines.append("  \(running(operation))") }
        lines += warnings(app.warnings)
        lines += workers(app)
        if let failure = app.lastFailure {
            let when = failure.at.map { " at \($0)" } ?? ""
            lines += Explanation(failure, headline: "last failure\(when)").lines(traits).map { "  \($0)" }
        }
        return lines
    }

    private func warnings(_ warnings: [String]) -> [String] {
        warnings.map { "  \(Style.warning.applied(to: "warning:", traits)) \($0.showable)" }
    }

    private func requests(_ app: AppStatus) -> String {
        let inFlight = app.generations.flatMap(\.workers).reduce(0) { $0 + $1.requestsNow }
        let max = app.queue.max == 0 ? "no limit" : "of \(app.queue.max)"
        return "requests: \(inFlight) in progress, \(app.queue.length) waiting (\(max))"
    }

    private func running(_ operation: OperationStatus) -> String {
        let name = operation.deploy.map { "deploy \($0)" } ?? operation.kind.rawValue
        let text = "\(name) is running: \(operation.step), since \(operation.since), by \(operation.by)"
        return Style.warning.applied(to: text.showable, traits)
    }

    private func workers(_ app: AppStatus) -> [String] {
        var table = Table([
            .init("GENERATION"), .init("RELEASE"), .init("STATE"), .init("WORKER"), .init("PID", .right),
            .init("WORKER STATE"), .init("NOW", .right), .init("SERVED", .right), .init("AGE", .right),
            .init("LAST ERROR"),
        ])
        for generation in app.generations {
            let head = [
                StyledText("\(generation.number)"), StyledText(generation.release ?? "-"),
                StyledText(generation.state.rawValue, style(generation.state)),
            ]
            if generation.workers.isEmpty { table.add(head) }
            for worker in generation.workers { table.add(head + cells(worker)) }
        }
        return table.isEmpty ? ["  no workers"] : table.lines(traits, indent: 2)
    }

    private func cells(_ worker: WorkerStatus) -> [StyledText] {
        [
            StyledText("\(worker.number)"), StyledText(worker.pid.map { "\($0)" } ?? "-"), StyledText(worker.state),
            StyledText("\(worker.requestsNow)"), StyledText("\(worker.requestsTotal)"),
            StyledText(HumanFormat.duration(seconds: worker.ageSeconds)), StyledText(worker.lastError ?? "", .bad),
        ]
    }

    private func style(_ state: GenerationStatus.State) -> Style {
        switch state {
        case .live: .good
        case .booting, .proved: .warning
        case .standby: .plain
        case .draining: .faint
        }
    }
}
