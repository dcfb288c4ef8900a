import Glibc
import Linux
import Model
import Synchronization

/// What all who look at the same time share: a thousand workers that boot look ten times a second each.
final class ListeningTable: Sendable {
    private static let freshness = Duration.milliseconds(50)

    private let state = Mutex<(sockets: ListeningSockets, until: Instant)?>(nil)

    /// As it was a moment ago at most.
    func recent() -> ListeningSockets {
        state.withLock { state in
            if let state, monotonicNow() < state.until { return state.sockets }
            let sockets = ListeningSockets()
            state = (sockets, monotonicNow() + Self.freshness)
            return sockets
        }
    }
}

/// Which TCP ports are listened on, and by which processes, from /proc/net/tcp, /proc/net/tcp6 and /proc/PID/fd
/// (proc(5)). Tells whether the port that a generic app was given is really served by it.
struct ListeningSockets: Sendable {
    struct Socket: Equatable {
        var port: Int
        var inode: UInt64
        var uid: UInt32
    }

    /// So much of a table at most: some sixty thousand listeners.
    private static let longest = 8 << 20
    private static let newline = UInt8(ascii: "\n")

    private var sockets: [Int: [Socket]] = [:]

    init() { for table in ["/proc/net/tcp", "/proc/net/tcp6"] { read(table) } }

    /// The kernel lists all that listen first, then the connections (Documentation/networking/proc_net_tcp.rst). There may be a hundred
    /// thousand of those, clients' own, so reading ends with the first.
    private mutating func read(_ table: String) {
        guard let file = try? openFile(table, flags: O_RDONLY) else { return }
        var rest: [UInt8] = []
        var size = 0
        var isHeader = true
        while size < Self.longest, let chunk = try? readSome(file.number, limit: 16 << 10), !chunk.isEmpty {
            size += chunk.count
            rest += chunk
            let lines = rest.split(separator: Self.newline, omittingEmptySubsequences: false)
            for line in lines.dropLast() {
                defer { isHeader = false }
                if isHeader { continue }
                guard let state = Self.state(of: line) else { return }
                if state == "0A", let socket = Self.parse(line) { sockets[socket.port, default: []].append(socket) }
                // 03, a connection that is being made, stood among the listeners in kernels before 4.4.
                if state != "0A", state != "03" { return }
            }
            rest = Array(lines.last ?? [])
        }
    }

    private static func state(of line: ArraySlice<UInt8>) -> String? {
        let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 4)
        return fields.count > 4 ? String(decoding: fields[3], as: UTF8.self) : nil
    }

    /// Of one that listens: `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …`.
    static func parse(_ line: ArraySlice<UInt8>) -> Socket? {
        let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 10)
        guard fields.count > 9, fields[3].elementsEqual("0A".utf8),
            let port = fields[1].split(separator: UInt8(ascii: ":")).last.flatMap({ Int(text($0), radix: 16) }),
            let uid = UInt32(text(fields[7])), let inode = UInt64(text(fields[9]))
        else { return nil }
        return Socket(port: port, inode: inode, uid: uid)
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    /// Whether a process of group `group` listens on `port`. Where /proc does not let us look into the processes
    /// (another user's), the socket's owner must be the leader's user.
    func isServed(_ port: Int, byGroup group: Int32) -> Bool {
        guard let candidates = sockets[port] else { return false }
        if let inodes = Self.inodes(ofGroup: group) { return candidates.contains { inodes.contains($0.inode) } }
        guard let owner = Self.owner(of: group) else { return false }
        return candidates.contains { $0.uid == owner }
    }

    /// Ports that the group listens on, as far as /proc shows.
    func ports(ofGroup group: Int32) -> [Int] {
        guard let inodes = Self.inodes(ofGroup: group) else { return [] }
        return sockets.filter { $0.value.contains { inodes.contains($0.inode) } }.keys.sorted()
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
