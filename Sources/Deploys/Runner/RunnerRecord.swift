import Foundation
import Glibc
import Linux
import Model

/// A line of a runner's record.
enum RunnerLine: Codable, Equatable {
    /// Written before the command is: a record that does not have it is of a command that never ran. `runner` is the recording
    /// process, which its start time makes a name for good.
    case started(runner: Int32, runnerStartTime: UInt64, command: String)
    case output(String)
    /// The record is bounded; the live copy was not.
    case outputCut
    case ended(RecordedEnd)
}

/// What a runner recorded of its command.
package struct RunnerRecord: Sendable, Equatable {
    /// `unknown` as long as there is no last word: the runner is at work still, or gone without one.
    package let end: RecordedEnd

    /// Nil when nothing was ever started. A torn last line (a crash in the middle of a write) is no line.
    package init?(bytes: [UInt8]) {
        var end: RecordedEnd?
        for line in RunnerLine.lines(of: bytes[...]) {
            switch line {
            case .started: end = .unknown
            case .ended(let recorded): if end != nil { end = recorded }
            case .output, .outputCut: break
            }
        }
        guard let end else { return nil }
        self.end = end
    }
}

/// The output in a record, while that grows.
package struct RecordedOutput: Sendable {
    private var pending: [UInt8] = []

    package init() {}

    /// The lines that are whole now.
    package mutating func append(_ bytes: [UInt8]) -> [String] {
        pending += bytes
        guard let end = pending.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
        defer { pending.removeFirst(end + 1) }
        return RunnerLine.lines(of: pending[..<end]).compactMap { line in
            switch line {
            case .output(let text): text
            case .outputCut: "[… output was cut]"
            case .started, .ended: nil
            }
        }
    }
}

extension RunnerLine {
    fileprivate static func lines(of bytes: ArraySlice<UInt8>) -> [RunnerLine] {
        let decoder = JSONDecoder()
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            // What is no line was torn, or is of another version.
            try? decoder.decode(RunnerLine.self, from: Data(line))
        }
    }
}

/// Appends to the record. Start and end are on disk before anything else happens; output may be lost with the machine.
struct RunnerRecordWriter {
    /// Of a record, which is read whole.
    private static let outputLimit = 8 << 20

    let descriptor: Int32
    private var written = 0
    private var isCut = false
    /// Where the output begins.
    private var start: off_t = 0

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// Throws with the record as it was before.
    mutating func started(command: String) throws {
        let own = getpid()
        let before = lseek(descriptor, 0, SEEK_END)
        do {
            try append(.started(runner: own, runnerStartTime: processStartTime(pid: own) ?? 0, command: command))
            try flush()
        } catch {
            ftruncate(descriptor, before)
            throw error
        }
        start = lseek(descriptor, 0, SEEK_END)
    }

    /// A full disk costs the output, not the command.
    mutating func output(_ line: String) {
        guard !isCut, let bytes = try? encoded(.output(line)) else { return }
        written += bytes.count
        isCut = written > RunnerRecordWriter.outputLimit
        if isCut { try? append(.outputCut) } else { try? writeAll(descriptor, bytes) }
    }

    /// Where there is no room for it, the output gives its own.
    func ended(_ end: RecordedEnd) throws {
        do {
            try append(.ended(end))
            try flush()
        } catch {
            ftruncate(descriptor, start)
            try writeAll(descriptor, encoded(.outputCut) + encoded(.ended(end)))
            try flush()
        }
    }

    private func flush() throws {
        guard fsync(descriptor) == 0 else { throw SystemError(call: "fsync", errno: errno) }
    }

    private func append(_ line: RunnerLine) throws { try writeAll(descriptor, encoded(line)) }

    /// A line is one write(2) to a descriptor in append mode: whole or torn at its end, never mixed. It begins with a line
    /// feed, which closes what an earlier torn write may have left.
    private func encoded(_ line: RunnerLine) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try [UInt8(ascii: "\n")] + encoder.encode(line) + [UInt8(ascii: "\n")]
    }
}
