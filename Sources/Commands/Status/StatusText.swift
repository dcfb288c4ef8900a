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
        if let address = server.adminAddress { lines.append("admin API and dashboard at \(address)") }
        if let groups = server.controlGroups { lines.append(groups) }
        lines += warnings(server.warnings ?? [])
        for app in report.apps { lines += [""] + self.lines(app) }
        return lines
    }

    private func lines(_ app: AppStatus) -> [String] {
        if app.isRefused { return refused(app) }
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
        lines += app.generations.isEmpty ? ["  no workers"] : app.generations.flatMap(generation)
        lines += companions(app)
        if let failure = app.lastFailure {
            let when = failure.at.map { " at \($0)" } ?? ""
            lines += Explanation(failure, headline: "last failure\(when)").lines(traits).map { "  \($0)" }
        }
        return lines
    }

    private func refused(_ app: AppStatus) -> [String] {
        let reason = app.lastFailure?.summary ?? "its configuration cannot be used"
        return [
            "\(Style.strong.applied(to: app.name.rawValue, traits)): \(app.root)",
            "  \(Style.bad.applied(to: "not served:", traits)) \(reason.showable)",
            "  hint: mend it, and then: passenger reload",
        ]
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

    private func generation(_ generation: GenerationStatus) -> [String] {
        let release = generation.release.map { "  \($0)" } ?? ""
        let state = style(generation.state).applied(to: generation.state.rawValue, traits)
        let kept = generation.workers.isEmpty && generation.target == 0 ? "" : "  \(count(generation))"
        var lines = ["  \(generation.number)\(release.showable)  \(state)\(kept)"]
        if generation.workers.isEmpty, generation.target == 0, generation.state == .live {
            lines[0] += ", asleep: the next request wakes it"
        }
        if let drain = generation.drain { lines.append("    waits for \(words(drain))") }
        lines += processes(generation)
        // Each worker has its generation's.
        let errors = Set(generation.workers.compactMap(\.lastError)).sorted()
        lines += errors.map { "    \(Style.bad.applied(to: "last error:", traits)) \($0.showable)" }
        return lines + (memory(generation).map { [$0] } ?? [])
    }

    private func count(_ generation: GenerationStatus) -> String {
        let serving = generation.workers.count { !($0.step != nil || ["draining", "stopping"].contains($0.state)) }
        return "\(serving) of \(HumanFormat.count(max(generation.target, serving), "worker"))"
    }

    private func words(_ drain: DrainStatus) -> String {
        func until(_ seconds: Double?, _ what: String) -> String {
            seconds.map { " (\(what) in \(HumanFormat.duration(seconds: $0.rounded())))" } ?? ""
        }
        let requests = HumanFormat.count(drain.requests, "request") + until(drain.requestsEndInSeconds, "cut")
        let streams = HumanFormat.count(drain.streams, "stream") + until(drain.streamsEndInSeconds, "closed")
        switch (drain.requests, drain.streams) {
        case (0, 0): return "its workers to end"
        case (_, 0): return requests
        case (0, _): return streams
        default: return "\(requests), \(streams)"
        }
    }

    private func processes(_ generation: GenerationStatus) -> [String] {
        var table = Table([
            .init("WORKER"), .init("PID", .right), .init("STATE"), .init("NOW", .right), .init("SERVED", .right),
            .init("AGE", .right), .init("PRIVATE", .right), .init("SHARED", .right),
        ])
        if let preloader = generation.preloader, let pid = preloader.pid {
            table.add([StyledText("preloader"), StyledText("\(pid)"), StyledText(preloader.state)])
        }
        for worker in generation.workers { table.add(cells(worker)) }
        return table.isEmpty ? [] : table.lines(traits, indent: 4)
    }

    private func cells(_ worker: WorkerStatus) -> [StyledText] {
        let own = worker.memory.map { HumanFormat.size(bytes: $0.privateBytes + $0.swapBytes) } ?? "-"
        let shared = worker.memory.map { HumanFormat.size(bytes: $0.sharedBytes) } ?? "-"
        let step = worker.step.map { ": \($0)" } ?? ""
        return [
            StyledText("\(worker.number)"), StyledText(worker.pid.map { "\($0)" } ?? "-"),
            StyledText(worker.state + step), StyledText("\(worker.requestsNow)"),
            StyledText("\(worker.requestsTotal)"), StyledText(HumanFormat.duration(seconds: worker.ageSeconds)),
            StyledText(own), StyledText(shared),
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
        var line = "    memory: \(about)\(own) private\(swap), \(all) in all"
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
