/// How much memory there is for more processes, and whether there is enough of it.
package struct MemoryState {
    private let procPath: String
    private let groupsPath: String

    /// Other paths are for tests.
    package init(procPath: String = "/proc", groupsPath: String = "/sys/fs/cgroup") {
        self.procPath = procPath
        self.groupsPath = groupsPath
    }

    /// Bytes: MemAvailable of proc(5), or what the control groups (version 2) around this process leave, if that is less. Nil
    /// where the kernel does not say.
    package func available() -> Int? {
        guard let text = text("\(procPath)/meminfo"),
            let kilobytes = MemoryState.number(after: "MemAvailable:", in: text)
        else { return nil }
        return min(kilobytes << 10, groupsRoom() ?? .max)
    }

    /// Percent of the last ten seconds in which at least one process waited for memory (`some avg10` of
    /// Documentation/accounting/psi.rst). Nil where the kernel does not say.
    package func pressure() -> Double? {
        guard let text = text("\(procPath)/pressure/memory"), text.hasPrefix("some "),
            let field = text.split(separator: " ").first(where: { $0.hasPrefix("avg10=") })
        else { return nil }
        return Double(field.dropFirst("avg10=".count))
    }

    /// The least that any group from ours up to the root leaves; file pages that nobody uses count as free.
    private func groupsRoom() -> Int? {
        guard let line = text("\(procPath)/self/cgroup")?.split(separator: "\n").first(where: { $0.hasPrefix("0::/") })
        else { return nil }
        var parts = line.dropFirst("0::/".count).split(separator: "/")
        var room: Int?
        while true {
            let directory = ([groupsPath] + parts.map(String.init)).joined(separator: "/")
            if let limit = text("\(directory)/memory.max").flatMap(MemoryState.integer),
                let used = text("\(directory)/memory.current").flatMap(MemoryState.integer)
            {
                let idle = text("\(directory)/memory.stat").flatMap {
                    MemoryState.number(after: "inactive_file ", in: $0)
                }
                room = min(room ?? .max, max(limit - used + (idle ?? 0), 0))
            }
            if parts.isEmpty { return room }
            parts.removeLast()
        }
    }

    private func text(_ path: String) -> String? {
        (try? readFile(path, limit: 1 << 16)).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func integer(_ text: String) -> Int? { Int(text.prefix { $0 != "\n" }) }

    private static func number(after name: String, in text: String) -> Int? {
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            return Int(line.dropFirst(name.count).drop { $0 == " " }.prefix { $0 >= "0" && $0 <= "9" })
        }
        return nil
    }
}
