import Foundation
import Glibc
import Linux
import Model

/// A line of a runner's record.
enum RunnerLine: Codable, Equatable {
    /// `pid` is the command's, `runner` the recording process's; each with its start time, which makes it a name for good.
    case started(pid: Int32, startTime: UInt64, runner: Int32, runnerStartTime: UInt64, command: String)
    case output(String)
    /// The record is bounded; the live copy was not.
    case outputCut
    case ended(RecordedEnd)
}

/// What a runner recorded of its command.
package struct RunnerRecord: Sendable, Equatable {
    package struct Process: Sendable, Equatable {
        package var pid: Int32
        /// Field 22 of /proc/PID/stat.
        package var startTime: UInt64
    }

    package var runner: Process
    package var command: Process
    /// The end of the output.
    package var output: [String]
    private var recorded: RecordedEnd?

    /// Nil when nothing was ever started. A record that was appended to twice tells of the last command. A torn last line
    /// (a crash in the middle of a write) is no line.
    package init?(bytes: [UInt8]) {
        var result: RunnerRecord?
        let decoder = JSONDecoder()
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            guard let line = try? decoder.decode(RunnerLine.self, from: Data(line)) else { continue }
            switch line {
            case .started(let pid, let startTime, let runner, let runnerStartTime, _):
                result = RunnerRecord(
                    runner: Process(pid: runner, startTime: runnerStartTime),
                    command: Process(pid: pid, startTime: startTime))
            case .output(let text):
                result?.output.append(text)
                if let count = result?.output.count, count > 2000 { result?.output.removeFirst(1000) }
            case .outputCut: result?.output.append("[… output was cut]")
            case .ended(let end): result?.recorded = end
            }
        }
        guard let result else { return nil }
        self = result
    }

    private init(runner: Process, command: Process) {
        self.runner = runner
        self.command = command
        output = []
    }

    /// Nil while the runner is still at work; `unknown` when it is gone without a last word.
    package var end: RecordedEnd? {
        if let recorded { return recorded }
        return processStartTime(pid: runner.pid) == runner.startTime ? nil : .unknown
    }
}

/// Appends to the record. Start and end are on disk before anything else happens; output may be lost with the machine.
struct RunnerRecordWriter {
    private static let outputLimit = 8 << 20

    let descriptor: Int32
    private var written = 0
    private var isCut = false

    init(descriptor: Int32) { self.descriptor = descriptor }

    func started(pid: Int32, command: String) throws {
        let own = getpid()
        try append(
            .started(
                pid: pid, startTime: processStartTime(pid: pid) ?? 0, runner: own,
                runnerStartTime: processStartTime(pid: own) ?? 0, command: command))
        fsync(descriptor)
    }

    /// A full disk costs the output, not the command.
    mutating func output(_ line: String) {
        guard !isCut else { return }
        written += line.utf8.count
        isCut = written > RunnerRecordWriter.outputLimit
        try? append(isCut ? .outputCut : .output(line))
    }

    func ended(_ end: RecordedEnd) throws {
        try append(.ended(end))
        fsync(descriptor)
    }

    /// A line is one write(2) to a descriptor in append mode: whole or torn at its end, never mixed. It begins with a line
    /// feed, which closes what an earlier torn write may have left.
    private func append(_ line: RunnerLine) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try writeAll(descriptor, [UInt8(ascii: "\n")] + encoder.encode(line) + [UInt8(ascii: "\n")])
    }
}
