import AdminAPI
import Terminal

extension PassengerPool {
    /// What `passenger-status` prints.
    func text(_ traits: TerminalTraits, date: String, showsHeader: Bool) -> [String] {
        var lines: [String] = []
        if showsHeader {
            lines += [
                "Version : \(ProductVersion.passenger)", "Date    : \(date)",
                "Instance: \(server.instance) (passenger/\(server.version))", "",
            ]
        }
        lines += [
            Style.strong.applied(to: "----------- General information -----------", traits),
            "Max pool size : \(max)", "App groups    : \(groups.count)", "Processes     : \(processCount)",
            "Requests in top-level queue : 0", "",
            Style.strong.applied(to: "----------- Application groups -----------", traits),
        ]
        for group in groups { lines += self.lines(group) + [""] }
        return lines
    }

    private func lines(_ group: Group) -> [String] {
        var lines = ["\(group.name.showable):", "  App root: \(group.app.root.showable)"]
        if group.isRestarting { lines.append("  (restarting...)") }
        if group.spawning > 0 {
            lines.append("  (spawning \(HumanFormat.count(group.spawning, "new process", "new processes"))...)")
        }
        lines.append("  Requests in queue: \(group.app.queue.length)")
        for process in group.processes {
            let worker = process.worker
            lines += [
                "  * PID: \("\(process.pid)".padded(to: 5))   Sessions: \("\(worker.requestsNow)".padded(to: 2))      "
                    + "Processed: \("\(worker.requestsTotal)".padded(to: 5))   "
                    + "Uptime: \(Self.time(Int(worker.ageSeconds)))",
                "    CPU: \("\(process.cpuPercent)%".padded(to: 5))   "
                    + "Memory  : \("\(process.ownKilobytes / 1024)M".padded(to: 5))   "
                    + "Last used: \(Self.time(process.secondsUnused)) ago",
            ]
            switch process.condition {
            case .enabled: break
            case .disabling: lines.append("    Disabling...")
            case .detached: lines.append("    Shutting down...")
            }
        }
        return lines
    }
}
