/// Memory of one process, in bytes.
package struct ProcessMemory: Sendable, Equatable {
    /// Pages that nobody else has.
    package var privateBytes = 0
    package var sharedBytes = 0
    /// Private pages, and of each shared one its share.
    package var proportionalBytes = 0
    package var swapBytes = 0
    /// Address space.
    package var virtualBytes = 0
    /// False where this process may not look closely: pages that are shared with a parent then count as private.
    package var isExact = false

    /// From the texts of /proc/PID/status and, where it can be read, smaps_rollup (proc(5)). Nil for a process without memory:
    /// one that has ended.
    package init?(status: String, rollup: String?) {
        let kilobytes = Self.fields(status)
        virtualBytes = (kilobytes["VmSize"] ?? 0) * 1024
        guard virtualBytes > 0 else { return nil }
        if let rollup, !rollup.isEmpty {
            let close = Self.fields(rollup)
            func sum(_ names: String...) -> Int { names.reduce(0) { $0 + (close[$1] ?? 0) } * 1024 }
            privateBytes = sum("Private_Clean", "Private_Dirty")
            sharedBytes = sum("Shared_Clean", "Shared_Dirty")
            proportionalBytes = sum("Pss")
            swapBytes = sum("Swap")
            isExact = true
        } else {
            privateBytes = (kilobytes["RssAnon"] ?? 0) * 1024
            sharedBytes = ((kilobytes["RssFile"] ?? 0) + (kilobytes["RssShmem"] ?? 0)) * 1024
            proportionalBytes = privateBytes + sharedBytes
            swapBytes = (kilobytes["VmSwap"] ?? 0) * 1024
        }
    }

    /// Lines `Name:   123 kB`.
    private static func fields(_ text: String) -> [String: Int] {
        var found: [String: Int] = [:]
        for line in text.split(separator: "\n") where line.hasSuffix(" kB") {
            let words = line.split(whereSeparator: { $0 == ":" || $0 == " " || $0 == "\t" })
            if words.count == 3, let value = Int(words[1]) { found[String(words[0])] = value }
        }
        return found
    }
}

/// Nil when there is no such process, or it is hidden from us. May wait for as long as the process likes: whoever holds its own
/// memory map holds a reader of smaps_rollup, too.
package func processMemory(pid: Int32) -> ProcessMemory? {
    guard let status = try? readFile("/proc/\(pid)/status", limit: 64 << 10) else { return nil }
    let rollup = try? readFile("/proc/\(pid)/smaps_rollup", limit: 64 << 10)
    return ProcessMemory(
        status: String(decoding: status, as: UTF8.self), rollup: rollup.map { String(decoding: $0, as: UTF8.self) })
}

/// The same without a close look, which never waits.
package func processMemoryAtAGlance(pid: Int32) -> ProcessMemory? {
    guard let status = try? readFile("/proc/\(pid)/status", limit: 64 << 10) else { return nil }
    return ProcessMemory(status: String(decoding: status, as: UTF8.self), rollup: nil)
}
