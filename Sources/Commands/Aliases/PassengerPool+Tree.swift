import AdminAPI
import Glibc
import Linux
import Model

extension PassengerPool {
    func xml(now: Int) -> [String] {
        ["<?xml version=\"1.0\" encoding=\"utf-8\"?>", "<info version=\"3\">"]
            + info(now: now).xml(indent: 3) + ["</info>"]
    }

    func json(now: Int) -> String { PoolTree.fields([("info", info(now: now))]).json }

    /// `now`: microseconds since 1970, of which everything else is counted back.
    private func info(now: Int) -> PoolTree {
        .fields([
            ("passenger_version", .text(ProductVersion.passenger)), ("group_count", .number(groups.count)),
            ("process_count", .number(processCount)), ("max", .number(max)), ("capacity_used", .number(capacityUsed)),
            ("get_wait_list_size", .number(0)),
            (
                "supergroups",
                .list(
                    of: "supergroup",
                    groups.map { group in
                        .fields([
                            ("name", .text(group.name)), ("state", .text("READY")), ("get_wait_list_size", .number(0)),
                            ("capacity_used", .number(group.processes.count + group.spawning)),
                            ("group", tree(group, now: now)),
                        ])
                    })
            ),
        ])
    }

    private func tree(_ group: Group, now: Int) -> PoolTree {
        var fields: [(String, PoolTree)] = [
            ("name", .text(group.name)), ("component_name", .text(group.name)), ("app_root", .text(group.app.root)),
            ("app_type", .text(group.app.kind?.rawValue ?? "")), ("environment", .text(group.app.environment)),
            ("uuid", .text(group.app.name.rawValue)), ("enabled_process_count", .number(group.enabled)),
            ("disabling_process_count", .number(group.processes.count { $0.condition == .disabling })),
            ("disabled_process_count", .number(0)),
            ("capacity_used", .number(group.processes.count { $0.condition != .detached } + group.spawning)),
            ("get_wait_list_size", .number(group.app.queue.length)), ("disable_wait_list_size", .number(0)),
            ("processes_being_spawned", .number(group.spawning)),
        ]
        if group.spawning > 0 { fields.append(("spawning", .text(""))) }
        if group.isRestarting { fields.append(("restarting", .text(""))) }
        fields.append(("life_status", .text("ALIVE")))
        if let owner = group.processes.first.flatMap({ Self.owner($0.pid) }) { fields += owner }
        fields.append(("processes", .list(of: "process", group.processes.map { tree($0, now: now) })))
        return .fields(fields)
    }

    private static func owner(_ pid: Int32) -> [(String, PoolTree)]? {
        var facts = stat()
        guard stat("/proc/\(pid)", &facts) == 0 else { return nil }
        let group = groupName(gid: facts.st_gid) ?? "\(facts.st_gid)"
        return [
            ("user", .text(lookUpEntry(uid: facts.st_uid)?.name ?? "\(facts.st_uid)")),
            ("uid", .number(Int(facts.st_uid))), ("group", .text(group)), ("gid", .number(Int(facts.st_gid))),
        ]
    }

    private func tree(_ process: Process, now: Int) -> PoolTree {
        let worker = process.worker
        let born = now - Int(worker.ageSeconds * 1e6)
        let concurrency = worker.concurrency ?? 1
        // Out of 2^31 - 1, which is a process that takes no more; without a limit, how many it has.
        let busyness = concurrency == 0 ? worker.requestsNow : worker.requestsNow * Int(Int32.max) / concurrency
        var fields: [(String, PoolTree)] = [
            ("pid", .number(Int(process.pid))), ("gupid", .text("\(process.generation)-\(worker.number)")),
            ("concurrency", .number(concurrency)), ("sessions", .number(worker.requestsNow)),
            ("busyness", .number(busyness)), ("processed", .number(worker.requestsTotal)),
            ("spawner_creation_time", .number(born)), ("spawn_start_time", .number(born)),
            ("spawn_end_time", .number(born)), ("last_used", .number(now - process.secondsUnused * 1_000_000)),
            ("last_used_desc", .text("\(Self.time(process.secondsUnused)) ago")),
            ("uptime", .text(Self.time(Int(worker.ageSeconds)))),
        ]
        if let revision = process.codeRevision { fields.append(("code_revision", .text(revision))) }
        fields += [
            ("life_status", .text(process.condition == .detached ? "SHUTDOWN_TRIGGERED" : "ALIVE")),
            ("enabled", .text(process.condition.passengerName)),
            ("has_metrics", .text(worker.memory == nil ? "false" : "true")), ("cpu", .number(process.cpuPercent)),
        ]
        if let memory = worker.memory {
            fields += [
                ("rss", .number((memory.privateBytes + memory.sharedBytes) / 1024)),
                ("pss", .number(memory.pssBytes / 1024)), ("private_dirty", .number(memory.privateBytes / 1024)),
                ("swap", .number(memory.swapBytes / 1024)), ("real_memory", .number(process.ownKilobytes)),
            ]
        }
        fields += [
            ("vmsize", .number(process.virtualKilobytes)), ("process_group_id", .number(Int(process.processGroup))),
            ("command", .text(process.command)),
        ]
        return .fields(fields)
    }
}

extension PassengerPool.Process.Condition {
    fileprivate var passengerName: String {
        switch self {
        case .enabled: "ENABLED"
        case .disabling: "DISABLING"
        case .detached: "DETACHED"
        }
    }
}
