import Model
import Pool
import Synchronization

/// Requests and errors by route, of each generation: what an error rate is made of. Bounded: the routes that come after the first
/// hundred of a generation are counted together.
struct RouteCounts {
    static let most = 100
    private static let longestName = 120

    private struct Key: Hashable {
        var app: AppIndex
        var generation: GenerationNumber
    }

    private struct Table {
        /// By the hash of method and path.
        var routes: [UInt64: RouteTraffic] = [:]
        var others = RouteTraffic(name: "other routes", requests: 0, errors: 0)

        mutating func count(
            _ hash: UInt64, isError: Bool, seconds: Double, _ method: UnsafeRawBufferPointer,
            _ path: UnsafeRawBufferPointer
        ) {
            if let index = routes.index(forKey: hash) {
                routes.values[index].requests += 1
                routes.values[index].seconds += seconds
                if isError { routes.values[index].errors += 1 }
            } else if routes.count < RouteCounts.most {
                let name = RouteCounts.name(method, path)
                routes[hash] = RouteTraffic(name: name, requests: 1, errors: isError ? 1 : 0, seconds: seconds)
            } else {
                others.requests += 1
                others.seconds += seconds
                if isError { others.errors += 1 }
            }
        }
    }

    private var tables: [Key: Table] = [:]

    mutating func count(
        _ app: AppIndex, _ generation: GenerationNumber, isError: Bool, seconds: Double = 0,
        method: UnsafeRawBufferPointer,
        path: UnsafeRawBufferPointer
    ) {
        tables[Key(app: app, generation: generation), default: Table()].count(
            RouteCounts.hash(method, path), isError: isError, seconds: seconds, method, path)
    }

    func routes(of generation: GenerationNumber, _ app: AppIndex) -> [RouteTraffic] {
        guard let table = tables[Key(app: app, generation: generation)] else { return [] }
        return Array(table.routes.values) + (table.others.requests > 0 ? [table.others] : [])
    }

    mutating func forget(_ generation: GenerationNumber, of app: AppIndex) {
        tables[Key(app: app, generation: generation)] = nil
    }

    // MARK: What is the same route

    /// FNV-1a of the method and the path's segments. Who sends requests may make two routes share a count, and gains nothing.
    private static func hash(_ method: UnsafeRawBufferPointer, _ path: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in method { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        var start = 0
        while start < path.count {
            let end = segmentEnd(path, start)
            if isID(path, start, end) {
                hash = (hash ^ UInt64(UInt8(ascii: "*"))) &* 0x100_0000_01b3
            } else {
                for position in start..<end { hash = (hash ^ UInt64(path[position])) &* 0x100_0000_01b3 }
            }
            hash = (hash ^ UInt64(UInt8(ascii: "/"))) &* 0x100_0000_01b3
            start = end + 1
        }
        return hash
    }

    private static func name(_ method: UnsafeRawBufferPointer, _ path: UnsafeRawBufferPointer) -> String {
        var text: [UInt8] = Array(method) + [UInt8(ascii: " ")]
        var start = 0
        while start < path.count {
            let end = segmentEnd(path, start)
            text += isID(path, start, end) ? [UInt8(ascii: "*")] : Array(path[start..<end])
            if end < path.count { text.append(UInt8(ascii: "/")) }
            start = end + 1
        }
        // It is shown on terminals and in logs.
        return String(
            decoding: text.prefix(longestName).map { $0 > 32 && $0 < 127 || $0 == 32 ? $0 : UInt8(ascii: "?") },
            as: UTF8.self)
    }

    private static func segmentEnd(_ path: UnsafeRawBufferPointer, _ start: Int) -> Int {
        var end = start
        while end < path.count, path[end] != UInt8(ascii: "/") { end += 1 }
        return end
    }

    /// All digits, or a long one with a digit in it: a number, a UUID, a hash, a slug with its id.
    private static func isID(_ path: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
        guard end > start else { return false }
        var digits = 0
        for position in start..<end where path[position] &- UInt8(ascii: "0") < 10 { digits += 1 }
        return digits == end - start || digits > 0 && end - start >= 8
    }
}

final class SharedRouteCounts: Sendable {
    private let counts = Mutex(RouteCounts())
    func withLock<Result>(_ body: (inout RouteCounts) -> Result) -> Result { counts.withLock { body(&$0) } }
}
