import Dispatch
import Foundation
import Glibc
import Linux
import Model
import Synchronization

/// An app's state directory: `deploys/<n>.json`, `live.json`, and the lock and runner records beside them.
///
/// `record` never waits and never fails: writes go through one serial queue, in order. A step that must not go on before
/// its record is safe awaits `flush`; a rollback does not. A failed write is a warning in `status`.
package final class Journal: Sendable {
    package let directory: String
    private let queue = DispatchQueue(label: "passenger.journal")
    private let lastProblem = Mutex<String?>(nil)

    /// Makes what is missing of the directory, readable to its owner alone.
    package init(directory: String) throws {
        self.directory = directory
        for path in [directory, Journal.deploys(directory), directory + "/runs"] {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        ReserveFile(directory: directory).fill()
    }

    package var lockPath: String { directory + "/operation.lock" }
    /// Where the runners of this app's commands append what they did.
    package var runsDirectory: String { directory + "/runs" }
    /// Why the last write failed; nil again once one succeeded.
    package var problem: String? { lastProblem.withLock { $0 } }

    package func record(_ record: DeployRecord) {
        write(record, to: Journal.deploys(directory), name: "\(record.number).json")
    }

    package func record(_ live: LiveRecord) { write(live, to: directory, name: "live.json") }

    /// Waits until everything recorded so far is on disk or has failed; false when the last write failed.
    package func flush() async -> Bool {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: self.problem == nil) }
        }
    }

    /// Blocks until everything recorded so far is on disk or has failed: for the last moment of a process.
    package func settle() { queue.sync {} }

    /// Called when an operation begins: the space that a full disk took away is kept back again.
    package func restoreReserve() {
        queue.async { [directory] in ReserveFile(directory: directory).fill() }
    }

    private func write(_ value: some Encodable & Sendable, to directory: String, name: String) {
        queue.async { [self] in
            let problem = Journal.attempt(
                value, to: directory, name: name, reserve: ReserveFile(directory: self.directory))
            lastProblem.withLock { $0 = problem }
        }
    }

    private static func attempt(
        _ value: some Encodable, to directory: String, name: String, reserve: ReserveFile
    ) -> String? {
        do {
            let bytes = try [UInt8](StateJSON.encoder().encode(value))
            try writeWithReserve(bytes, to: directory, name: name, reserve: reserve)
            return nil
        } catch {
            return "\(directory)/\(name) could not be written: \(error)"
        }
    }

    private static func writeWithReserve(
        _ bytes: [UInt8], to directory: String, name: String, reserve: ReserveFile
    ) throws(SystemError) {
        do throws(SystemError) {
            try writeFileAtomically(directory: directory, name: name, bytes: bytes, mode: 0o600)
        } catch {
            guard error.errno == ENOSPC || error.errno == EDQUOT else { throw error }
            reserve.release()
            try writeFileAtomically(directory: directory, name: name, bytes: bytes, mode: 0o600)
        }
    }

    static func deploys(_ directory: String) -> String { directory + "/deploys" }
}

/// Readable to a person in trouble: indented, sorted, ISO dates.
enum StateJSON {
    private static let precise = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // With milliseconds: most deploys take a few seconds.
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(date.formatted(precise))
        }
        return encoder
    }
    static func decoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let text = try decoder.singleValueContainer().decode(String.self)
            return try text.contains(".") ? Date(text, strategy: precise) : Date(text, strategy: .iso8601)
        }
        return decoder
    }
}

/// Space kept back so that a full disk can still be told of an abort or a rollback.
struct ReserveFile {
    static let bytes = 256 << 10
    let directory: String
    private var path: String { directory + "/reserve" }

    /// Written, not made sparse. A disk that has no room for it now is no reason not to start.
    func fill() {
        if let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int, size >= ReserveFile.bytes
        {
            return
        }
        let zeros = [UInt8](repeating: 0, count: ReserveFile.bytes)
        try? writeFileAtomically(directory: directory, name: "reserve", bytes: zeros, mode: 0o600)
    }

    func release() { unlink(path) }
}
