import Foundation
import Model
import Pool
import Synchronization

/// A snapshot as JSON. With a thousand apps nearly all of it is what it was at the last time: their settings. An app's part is made anew only when
/// the app has changed.
final class SnapshotEncoder: Sendable {
    private struct Part {
        var record: AppRecord
        var bytes: [UInt8]
    }

    private let parts = Mutex<[AppName: Part]>([:])

    func encode(_ snapshot: ServerSnapshot) throws -> [UInt8] {
        var rest = snapshot
        rest.pool.apps = []
        let encoder = JSONEncoder()
        let apps = try parts.withLock { parts in
            var kept: [AppName: Part] = [:]
            for record in snapshot.pool.apps {
                if let part = parts[record.name], part.record == record {
                    kept[record.name] = part
                } else {
                    kept[record.name] = Part(record: record, bytes: Array(try encoder.encode(record)))
                }
            }
            parts = kept
            return Array(snapshot.pool.apps.compactMap { kept[$0.name]?.bytes }.joined(separator: [UInt8(ascii: ",")]))
        }
        return try Self.put(apps, into: Array(try encoder.encode(rest)))
    }

    /// No text can look like the place for them: a quote in one has a backslash before it.
    private static func put(_ apps: [UInt8], into bytes: [UInt8]) throws -> [UInt8] {
        guard let place = bytes.firstRange(of: Array(#""apps":[]"#.utf8)) else {
            throw EncodingError.invalidValue(bytes, .init(codingPath: [], debugDescription: "no place for apps"))
        }
        var whole = bytes
        whole.insert(contentsOf: apps, at: place.upperBound - 1)
        return whole
    }
}
