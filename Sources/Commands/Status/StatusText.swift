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
        if let groups = server.controlGroups { lines.append(groups) }
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
        if let since = app.pausedSince {
            let text = "paused since \(since): requests are held; go on with: passenger resume \(app.name)"
            lines.append("  \(Style.warning.applied(to: text, traits))")
        }
        if let lock = app.lock {
            let text =
                "locked since \(lock.since) by \(lock.by): \(lock.message); let deploys go on with: passenger unlock"
            lines.append("  \(Style.warning.applied(to: text, traits))")
        }
        if let scale = app.scale {
            lines.append("  kept at \(scale) by hand; undo with: passenger scale \(app.name) --reset")
        }
        if let operation = app.operation { lines.append("  \(running(operation))") }
        lines += warnings(app.warnings)
        lines += workers(app) + app.generations.compactMap(memory)
        lines += companions(app)
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
            .init("MEMORY", .right), .init("LAST ERROR"),
        ])
        for generation in app.generations {
            let head = [
                StyledText("\(generation.number)"), StyledText(generation.release ?? "-"),
                StyledText(generation.state.rawValue, style(generation.state)),
            ]
            if let preloader = generation.preloader, preloader.pid != nil { table.add(head + cells(preloader)) }
            if generation.workers.isEmpty { table.add(head + (generation.state == .live ? asleep : [])) }
            for worker in generation.workers { table.add(head + cells(worker)) }
        }
        return table.isEmpty ? ["  no workers"] : table.lines(traits, indent: 2)
    }

    private var asleep: [StyledText] { [StyledText("-"), StyledText("-"), StyledText("asleep", .faint)] }

    private func cells(_ preloader: PreloaderStatus) -> [StyledText] {
        [
            StyledText("preloader"), StyledText(preloader.pid.map { "\($0)" } ?? "-"), StyledText(preloader.state),
            StyledText("-"), StyledText("-"), StyledText("-"), StyledText("-"), StyledText(""),
        ]
    }

    private func cells(_ worker: WorkerStatus) -> [StyledText] {
        [
            StyledText("\(worker.number)"), StyledText(worker.pid.map { "\($0)" } ?? "-"), StyledText(worker.state),
            StyledText("\(worker.requestsNow)"), StyledText("\(worker.requestsTotal)"),
            StyledText(HumanFormat.duration(seconds: worker.ageSeconds)),
            StyledText(worker.memory.map { HumanFormat.size(bytes: $0.privateBytes + $0.swapBytes) } ?? "-"),
            StyledText(worker.lastError ?? "", .bad),
        ]
    }

    private func companions(_ app: AppStatus) -> [String] {
        var table = Table([
            .init("COMPANION"), .init("RELEASE"), .init("PID", .right), .init("STATE"), .init("RESTARTS", .right),
            .init("AGE", .right), .init("LAST END"),
        ])
        for companion in app.companions {
            let state =
                companion.isFailing
                ? StyledText("\(companion.state), keeps ending", .bad) : StyledText(companion.state)
            table.add([
                StyledText(companion.name), StyledText(companion.release ?? "-"),
                StyledText(companion.pid.map { "\($0)" } ?? "-"), state, StyledText("\(companion.restarts)"),
                StyledText(HumanFormat.duration(seconds: companion.ageSeconds)),
                StyledText(companion.lastError ?? "", companion.isFailing ? .bad : .plain),
            ])
        }
        return table.isEmpty ? [] : table.lines(traits, indent: 2)
    }

    /// A worker's own is what its end would free; what all of a generation take together is their PSS.
    private func memory(_ generation: GenerationStatus) -> String? {
        guard let memory = generation.memory else { return nil }
        let own = HumanFormat.size(bytes: memory.privateBytes)
        let swap = memory.swapBytes > 0 ? ", \(HumanFormat.size(bytes: memory.swapBytes)) swapped out" : ""
        let all = HumanFormat.size(bytes: memory.pssBytes)
        let about = memory.isExact ? "" : "about "
        var line = "  memory of generation \(generation.number): \(about)\(own) private\(swap), \(all) in all"
        if let counted = generation.controlGroup?.memoryBytes {
            line += ", \(HumanFormat.size(bytes: counted)) with its files"
        }
        return line
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
