import Glibc
import Linux

/// The processes that listen on a TCP port, as "nginx (pid 123)": /proc/net/tcp names the sockets' inodes, and
/// /proc/PID/fd who holds them, as far as this user may look. Empty when it cannot be known.
func portHolders(port: Int) -> [String] {
    var inodes: Set<Substring> = []
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        // A kernel without IPv6 has no tcp6.
        guard let bytes = try? readFile(path, limit: 16 << 20) else { continue }
        inodes.formUnion(listeningInodes(String(decoding: bytes, as: UTF8.self), port: port))
    }
    if inodes.isEmpty { return [] }
    let links = Set(inodes.map { "socket:[\($0)]" })
    return processNumbers().sorted().filter { holds(pid: $0, anyOf: links) }.map { pid in
        // It may have ended since.
        let name = (try? readFile("/proc/\(pid)/comm")).map { String(decoding: $0.dropLast(), as: UTF8.self) }
        return "\(name ?? "?") (pid \(pid))"
    }
}

/// Columns of /proc/net/tcp: number, local address:port (hexadecimal), remote, state (0A: listening), queues, timer,
/// retransmits, uid, timeout, inode.
func listeningInodes(_ table: String, port: Int) -> [Substring] {
    table.split(separator: "\n").dropFirst().compactMap { line in
        let columns = line.split(separator: " ")
        guard columns.count > 9, columns[3] == "0A",
            let hexadecimal = columns[1].split(separator: ":").last, Int(hexadecimal, radix: 16) == port
        else { return nil }
        return columns[9]
    }
}

private func holds(pid: Int32, anyOf links: Set<String>) -> Bool {
    let path = "/proc/\(pid)/fd"
    // A process that has ended, or one that we may not look into.
    guard let directory = try? openFile(path, flags: O_RDONLY | O_DIRECTORY),
        let numbers = try? directoryEntries(directory.number)
    else { return false }
    return numbers.contains { readLink("\(path)/\($0)").map(links.contains) ?? false }
}
