import Glibc
import Linux

/// Which TCP ports are listened on, and by which processes, from /proc/net/tcp, /proc/net/tcp6 and /proc/PID/fd
/// (proc(5)). Tells whether the port that a generic app was given is really served by it.
struct ListeningSockets {
    struct Socket: Equatable {
        var port: Int
        var inode: UInt64
        var uid: UInt32
    }

    private(set) var sockets: [Socket] = []

    init() {
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            guard let bytes = try? readFile(table, limit: 8 << 20) else { continue }
            sockets += String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst().compactMap(Self.parse)
        }
    }

    /// `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …`; state 0A is LISTEN.
    static func parse(_ line: Substring) -> Socket? {
        let fields = line.split(separator: " ", omittingEmptySubsequences: true)
        guard fields.count > 9, fields[3] == "0A", let colon = fields[1].lastIndex(of: ":"),
            let port = Int(fields[1][fields[1].index(after: colon)...], radix: 16), let uid = UInt32(fields[7]),
            let inode = UInt64(fields[9])
        else { return nil }
        return Socket(port: port, inode: inode, uid: uid)
    }

    /// Whether a process of group `group` listens on `port`. Where /proc does not let us look into the processes
    /// (another user's), the socket's owner must be the leader's user.
    func isServed(_ port: Int, byGroup group: Int32) -> Bool {
        let candidates = sockets.filter { $0.port == port }
        guard !candidates.isEmpty else { return false }
        if let inodes = Self.inodes(ofGroup: group) { return candidates.contains { inodes.contains($0.inode) } }
        guard let owner = Self.owner(of: group) else { return false }
        return candidates.contains { $0.uid == owner }
    }

    /// Ports that the group listens on, as far as /proc shows.
    func ports(ofGroup group: Int32) -> [Int] {
        guard let inodes = Self.inodes(ofGroup: group) else { return [] }
        return Array(Set(sockets.filter { inodes.contains($0.inode) }.map(\.port))).sorted()
    }

    /// Socket inodes open in any process of the group; nil when no process of it can be looked into.
    private static func inodes(ofGroup group: Int32) -> Set<UInt64>? {
        var inodes: Set<UInt64> = []
        var sawAny = false
        for pid in processes(inGroup: group) {
            guard let names = listDirectory("/proc/\(pid)/fd") else { continue }
            sawAny = true
            for name in names {
                guard let target = readLink("/proc/\(pid)/fd/\(name)"), target.hasPrefix("socket:[") else { continue }
                if let inode = UInt64(target.dropFirst(8).dropLast()) { inodes.insert(inode) }
            }
        }
        return sawAny ? inodes : nil
    }

    private static func processes(inGroup group: Int32) -> [Int32] {
        (listDirectory("/proc") ?? []).compactMap { Int32($0) }.filter { getpgid($0) == group }
    }

    private static func owner(of pid: Int32) -> UInt32? {
        var status = stat()
        return stat("/proc/\(pid)", &status) == 0 ? status.st_uid : nil
    }
}

private func listDirectory(_ path: String) -> [String]? {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        names.append(
            withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            })
    }
    return names
}

private func readLink(_ path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = buffer.withUnsafeMutableBytes {
        readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), 256)
    }
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
}
