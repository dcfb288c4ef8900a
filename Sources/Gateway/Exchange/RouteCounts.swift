import Model
import Pool
import Synchronization

/// Requests and errors by route, of each generation: what an error rate is made of. Bounded: the routes that come after the first
/// hundred of a generation are counted together.
struct RouteCounts {
    static let most = 100
    private static let longestName = 120

    /// One generation's: open addressing by a hash that is made anyway, since every request comes by here.
    private struct Table {
        private static let places = 256

        let app: AppIndex
        let generation: GenerationNumber
        private var entries: [(hash: UInt64, traffic: RouteTraffic)] = []
        /// Index of an entry, counted from 1; never more than half of them are taken.
        private var index = [UInt8](repeating: 0, count: places)
        private var others = RouteTraffic(name: "other routes", requests: 0, errors: 0)

        init(app: AppIndex, generation: GenerationNumber) {
            self.app = app
            self.generation = generation
        }

        var routes: [RouteTraffic] { entries.map(\.traffic) + (others.requests > 0 ? [others] : []) }

        mutating func count(
            _ hash: UInt64, isError: Bool, seconds: Double, _ method: UnsafeRawBufferPointer,
            _ path: UnsafeRawBufferPointer
        ) {
            var place = Int(hash % UInt64(Table.places))
            while index[place] != 0 {
                let entry = Int(index[place]) - 1
                if entries[entry].hash == hash { return add(&entries[entry].traffic, isError, seconds) }
                place = (place + 1) % Table.places
            }
            guard entries.count < RouteCounts.most else { return add(&others, isError, seconds) }
            entries.append((hash, RouteTraffic(name: RouteCounts.name(method, path), requests: 0, errors: 0)))
            index[place] = UInt8(entries.count)
            add(&entries[entries.count - 1].traffic, isError, seconds)
        }

        private func add(_ traffic: inout RouteTraffic, _ isError: Bool, _ seconds: Double) {
            traffic.requests += 1
            traffic.errors += isError ? 1 : 0
            traffic.seconds += seconds
        }
    }

    private struct Key: Hashable {
        var app: AppIndex
        var generation: GenerationNumber
    }

    private var tables: [Table] = []
    private var positions: [Key: Int] = [:]
    /// The table of the request before: of most requests too.
    private var last = 0

    mutating func count(
        _ app: AppIndex, _ generation: GenerationNumber, isError: Bool, seconds: Double = 0,
        method: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer
    ) {
        if last >= tables.count || tables[last].app != app || tables[last].generation != generation {
            last = position(app, generation)
        }
        tables[last].count(
            RouteCounts.hash(method, path), isError: isError, seconds: seconds, method, path)
    }

    private mutating func position(_ app: AppIndex, _ generation: GenerationNumber) -> Int {
        let key = Key(app: app, generation: generation)
        if let position = positions[key] { return position }
        // A request may be given back when its generation has been forgotten already, and would leave a table for ever.
        for table in tables where table.app == app && table.generation.rawValue + 16 < generation.rawValue {
            forget(table.generation, of: app)
        }
        tables.append(Table(app: app, generation: generation))
        positions[key] = tables.count - 1
        return tables.count - 1
    }

    func routes(of generation: GenerationNumber, _ app: AppIndex) -> [RouteTraffic] {
        positions[Key(app: app, generation: generation)].map { tables[$0].routes } ?? []
    }

    mutating func forget(_ generation: GenerationNumber, of app: AppIndex) {
        guard let position = positions.removeValue(forKey: Key(app: app, generation: generation)) else { return }
        let moved = tables.removeLast()
        guard position < tables.count else { return }
        tables[position] = moved
        positions[Key(app: moved.app, generation: moved.generation)] = position
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
