import AdminAPI
import ArgumentParser
import Glibc
import Linux

/// `passenger-config system-metrics`.
struct SystemMetricsTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "system-metrics", abstract: "Show load, processors and memory of this machine.")

    func run() throws {
        let console = CommandContext(GlobalOptions.parseOrExit([])).console
        let first = SystemMetrics.processorTimes()
        // Shares of time need two looks.
        usleep(100_000)
        console.lines(SystemMetrics.now(since: first).lines)
    }
}

/// What /proc says of the whole machine.
struct SystemMetrics {
    var kernel: String
    var uptimeSeconds: Int
    var load: [Substring]
    var processors: Int
    /// Percent of the time between two looks, by the columns of /proc/stat (proc(5)).
    var user, nice, system, idle, waiting: Int
    /// Kilobytes by the names of /proc/meminfo.
    var memory: [String: Int]

    static func now(since first: [Int]) -> SystemMetrics {
        let second = processorTimes()
        let spent = zip(second, first).map { max(0, $0 - $1) }
        let all = max(spent.prefix(8).reduce(0, +), 1)
        func share(_ index: Int) -> Int { index < spent.count ? (spent[index] * 100 + all / 2) / all : 0 }
        let uptime = text("/proc/uptime").split(separator: " ").first.flatMap { Double($0) } ?? 0
        var memory: [String: Int] = [:]
        for line in text("/proc/meminfo").split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == ":" || $0 == " " })
            if words.count > 1, let value = Int(words[1]) { memory[String(words[0])] = value }
        }
        return SystemMetrics(
            kernel: "Linux \(text("/proc/sys/kernel/osrelease").split(separator: "\n").first ?? "")",
            uptimeSeconds: Int(uptime), load: Array(text("/proc/loadavg").split(separator: " ").prefix(3)),
            processors: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), user: share(0), nice: share(1), system: share(2),
            idle: share(3), waiting: share(4), memory: memory)
    }

    static func processorTimes() -> [Int] {
        (text("/proc/stat").split(separator: "\n").first ?? "").split(separator: " ").dropFirst().compactMap { Int($0) }
    }

    private static func text(_ path: String) -> String {
        (try? readFile(path, limit: 64 << 10)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    var lines: [String] {
        func megabytes(_ name: String) -> Int { (memory[name] ?? 0) / 1024 }
        let (total, free) = (megabytes("MemTotal"), megabytes("MemAvailable"))
        let (swap, swapFree) = (megabytes("SwapTotal"), megabytes("SwapFree"))
        return [
            "------------- General -------------", "Kernel version    : \(kernel)",
            "Uptime            : \(PassengerPool.time(uptimeSeconds))",
            "Load averages     : \(load.joined(separator: ", "))", "",
            "------------- CPU -------------", "Number of CPUs    : \(processors)",
            "Average CPU usage : \(100 - idle - waiting)% -- \(user)% user, \(nice)% nice, \(system)% system, "
                + "\(idle)% idle, \(waiting)% iowait",
            "", "------------- Memory -------------", "RAM total         : \(total) MB",
            "RAM used          : \(total - free) MB", "RAM free          : \(free) MB",
            "Swap total        : \(swap) MB", "Swap used         : \(swap - swapFree) MB",
        ]
    }
}
