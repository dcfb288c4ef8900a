import Dispatch
import Foundation
import Glibc
import Linux
import Model
import Synchronization

/// An app's state directory: `deploys/<n>.json`, `live.json`, and the lock and runner records beside them.
///
/// `record` never waits and never fails: writes go through one serial queue, in order. A step that must not go on before
/// its record is safe awaits `flush`; a rollback does not. What could not be written is a warning in `status`, and is tried
/// again until it is: what a later start reads must not be older than what was done.
package final class Journal: Sendable {
    package let directory: String
    private static let retryInterval = DispatchTimeInterval.seconds(1)

    private struct State {
        var failure: DeployFailure?
        /// In the order in which they were recorded, each file once. Only the queue changes it.
        var unwritten: [File] = []
        var isRetryDue = false
    }
    private let queue = DispatchQueue(label: "passenger.journal")
    private let state = Mutex(State())

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
    /// Why something that was recorded is not on disk; nil again once all of it is.
    package var failure: DeployFailure? { state.withLock { $0.failure } }

    package func record(_ record: DeployRecord) {
        write(record, to: Journal.deploys(directory), name: "\(record.number).json")
    }

    package func record(_ live: LiveRecord) { write(live, to: directory, name: "live.json") }

    /// Waits until everything recorded so far is on disk or has failed; false when something has.
    package func flush() async -> Bool {
        await withCheckedContinuation { continuation in
            queue.async {
                self.writeUnwritten()
                continuation.resume(returning: self.failure == nil)
            }
        }
    }

    /// Blocks until everything recorded so far is on disk or has failed: for the last moment of a process.
    package func settle() { queue.sync { writeUnwritten() } }

    /// Called when an operation begins: the space that a full disk took away is kept back again.
    package func restoreReserve() {
        queue.async { [directory] in ReserveFile(directory: directory).fill() }
    }

    private func write(_ value: some Encodable & Sendable, to directory: String, name: String) {
        queue.async { [self] in
            do {
                let bytes = try [UInt8](StateJSON.encoder().encode(value))
                let file = File(directory: directory, name: name, bytes: bytes)
                state.withLock { state in
                    state.unwritten.removeAll { $0.path == file.path }
                    state.unwritten.append(file)
                }
            } catch {
                let what = "\(directory)/\(name) could not be written: \(error)"
                return state.withLock { $0.failure = DeployFailure(.internalError, what) }
            }
            writeUnwritten()
        }
    }

    private func writeUnwritten() {
        let files = state.withLock { $0.unwritten }
        if files.isEmpty { return }
        var failure: DeployFailure?
        var left: [File] = []
        for file in files {
            do throws(SystemError) {
                try file.write(reserve: ReserveFile(directory: directory))
            } catch {
                failure = DeployFailure(error, "\(file.path) could not be written")
                left.append(file)
            }
        }
        state.withLock { state in
            state.failure = failure
            state.unwritten = left
        }
        if !left.isEmpty { retryLater() }
    }

    private func retryLater() {
        let isFirst = state.withLock { state in
            defer { state.isRetryDue = true }
            return !state.isRetryDue
        }
        guard isFirst else { return }
        queue.asyncAfter(deadline: .now() + Journal.retryInterval) { [weak self] in
            self?.state.withLock { $0.isRetryDue = false }
            self?.writeUnwritten()
        }
    }

    static func deploys(_ directory: String) -> String { directory + "/deploys" }
}

/// What a file of the journal has to be.
private struct File: Sendable {
    var directory: String
    var name: String
    var bytes: [UInt8]
    var path: String { "\(directory)/\(name)" }

    func write(reserve: ReserveFile) throws(SystemError) {
        do throws(SystemError) {
            try writeFileAtomically(directory: directory, name: name, bytes: bytes, mode: 0o600)
        } catch {
            guard error.isFullDisk else { throw error }
            reserve.release()
            try writeFileAtomically(directory: directory, name: name, bytes: bytes, mode: 0o600)
        }
    }
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
