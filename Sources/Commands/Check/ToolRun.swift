import Foundation
import Synchronization

/// A program that is asked something: no shell, no input, bounded in time and output.
enum ToolRun {
    struct Answer: Equatable {
        var status: Int32
        /// Both of its outputs.
        var output: String
        var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    private static let patience = 20.0
    private static let mostOutput = 256 << 10

    /// Nil when it cannot be run, or does not end in time.
    static func ask(
        _ program: String, _ arguments: [String], in directory: String, environment: [String: String]
    ) -> Answer? {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        guard (try? process.run()) != nil else { return nil }
        let bytes = Output()
        let read = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            while let data = try? pipe.fileHandleForReading.read(upToCount: 64 << 10), !data.isEmpty {
                bytes.add(data)
            }
            read.signal()
        }
        guard ended.wait(timeout: .now() + patience) == .success else {
            process.terminate()
            return nil
        }
        // What it has started may hold the pipe open.
        _ = read.wait(timeout: .now() + 1)
        return Answer(status: process.terminationStatus, output: bytes.text)
    }

    private final class Output: Sendable {
        private let bytes = Mutex<[UInt8]>([])
        func add(_ data: Data) { bytes.withLock { if $0.count < mostOutput { $0 += data } } }
        var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }
    }
}
