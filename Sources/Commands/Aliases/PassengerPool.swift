import AdminAPI
import Glibc
import Linux
import Model

/// A server's apps as Phusion Passenger's tools see a pool: groups of processes. What they ask and the status does not say is
/// read from /proc.
struct PassengerPool {
    struct Process {
        enum Condition { case enabled, disabling, detached }
        var worker: WorkerStatus
        var pid: Int32
        var condition: Condition
        var codeRevision: String?
        /// User and system time over age, in percent: what ps(1) calls %CPU.
        var cpuPercent: Int
        var virtualKilobytes: Int
        var processGroup: Int32
        var command: String
        var generation: GenerationNumber

        var ownKilobytes: Int { worker.memory.map { ($0.privateBytes + $0.swapBytes) / 1024 } ?? 0 }
        /// A worker that has answered nothing yet was last used when it came up.
        var secondsUnused: Int { Int(worker.idleSeconds ?? 0) }
    }

    struct Group {
        var app: AppStatus
        var processes: [Process]
        var spawning: Int
        var name: String { "\(app.root) (\(app.environment))" }
        var enabled: Int { processes.count { $0.condition == .enabled } }
        var isRestarting: Bool { app.operation != nil }
    }

    var server: ServerStatus
    var groups: [Group]
    var max: Int { server.maxPoolSize ?? 0 }
    var processCount: Int { groups.reduce(0) { $0 + $1.processes.count { $0.condition != .detached } } }
    var capacityUsed: Int { processCount + groups.reduce(0) { $0 + $1.spawning } }

    /// - Parameters:
    ///   - entry: the system's line about a process.
    ///   - memory: what it takes, for its address space.
    init(
        _ report: StatusReport, entry: (Int32) -> ProcessEntry? = { ProcessEntry(pid: $0) },
        memory: (Int32) -> ProcessMemory? = { processMemoryAtAGlance(pid: $0) }
    ) {
        server = report.server
        groups = report.apps.filter { !$0.generations.isEmpty }.map { app in
            var group = Group(app: app, processes: [], spawning: 0)
            for generation in app.generations {
                for worker in generation.workers {
                    guard let pid = worker.pid, !worker.isBooting else {
                        group.spawning += worker.isBooting ? 1 : 0
                        continue
                    }
                    let line = entry(pid)
                    let cpu = (line?.cpuSeconds ?? 0) * 100 / Swift.max(worker.ageSeconds, 0.01)
                    group.processes.append(
                        Process(
                            worker: worker, pid: pid, condition: worker.condition,
                            codeRevision: generation.release.map { String($0.split(separator: "-").last ?? "") },
                            cpuPercent: Int(cpu), virtualKilobytes: (memory(pid)?.virtualBytes ?? 0) / 1024,
                            processGroup: line?.group ?? pid, command: line?.command.joined(separator: " ") ?? "",
                            generation: generation.number))
                }
            }
            return group
        }
    }
}

extension WorkerStatus {
    fileprivate var isBooting: Bool { ["launching", "loading", "proving"].contains(state) }
    fileprivate var condition: PassengerPool.Process.Condition {
        switch state {
        case "stopping", "gone": .detached
        case "draining": .disabling
        default: .enabled
        }
    }
}

extension PassengerPool {
    /// `5h 53m 29s`, as Passenger writes it.
    static func time(_ seconds: Int) -> String {
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60)
        var text = days > 0 ? "\(days)d " : ""
        if seconds >= 3600 { text += "\(hours)h " }
        if seconds >= 60 { text += "\(minutes)m " }
        return text + "\(seconds % 60)s"
    }

    /// `2015-07-06 12:18:38 +0200`, here and now.
    static func date() -> String {
        var now = Glibc.time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%S %z", &parts)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
