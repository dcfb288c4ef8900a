import Foundation
import Glibc
import Linux
import Model

/// A program that a test started, its output in a file. Killed when the test lets go of it.
final class Program: @unchecked Sendable {
    struct End: Sendable {
        var reason: ExitReason
        var output: String
        var errors: String
        /// What it took of the processors, as far as it waited for its own children.
        var cpuSeconds: Double
        /// Nil when a signal ended it.
        var status: Int32? { if case .exited(let status) = reason { Int32(status) } else { nil } }
        var everything: String { "\(reason)\n\(output)\n\(errors)" }
    }

    let pid: Int32
    private let process: Int32
    private let files: (output: String, errors: String)
    private var end: (reason: ExitReason, cpuSeconds: Double)?

    init(_ command: [String], environment: [String: String], in place: Place) throws {
        let id = UUID().uuidString.prefix(8)
        files = ("\(place.path)/\(id).out", "\(place.path)/\(id).err")
        let null = try openFile("/dev/null", flags: O_RDWR)
        let output = try openFile(files.output, flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o644)
        let errors = try openFile(files.errors, flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o644)
        // Not even a test process that is killed leaves a server behind (prctl(2), PR_SET_PDEATHSIG).
        let command = ["setpriv", "--pdeathsig", "KILL"] + command
        pid = try spawnProcess(
            path: Self.find(command[0]), arguments: command,
            environment: environment.map { "\($0.key)=\($0.value)" },
            moves: [
                .init(source: null.number, target: 0), .init(source: output.number, target: 1),
                .init(source: errors.number, target: 2),
            ])
        process = try pidfdOpen(pid: pid).release()
    }

    deinit {
        if end == nil {
            kill(pid, SIGKILL)
            _ = try? waitForChild(pid)
        }
        close(process)
    }

    /// The server says all it has to say on its standard error.
    var log: String { text(of: files.output) + text(of: files.errors) }
    var hasEnded: Bool { end != nil || waitReadable(process, within: .zero) }

    func signal(_ number: Int32) { if end == nil { kill(pid, number) } }

    func wait(within limit: Duration = .seconds(180), _ what: String = "the end of a program") throws -> End {
        if end == nil {
            guard waitReadable(process, within: limit) else { throw TimedOut(what: what, evidence: log) }
            // It is a zombie now, which still tells.
            let cpuSeconds = ProcessEntry(pid: pid)?.cpuSeconds ?? 0
            end = (try waitForChild(pid), cpuSeconds)
        }
        return End(
            reason: end?.reason ?? .exited(0), output: text(of: files.output), errors: text(of: files.errors),
            cpuSeconds: end?.cpuSeconds ?? 0)
    }

    private static func find(_ name: String) -> String {
        if name.hasPrefix("/") { return name }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 } ?? name
    }
}

extension ProcessInfo {
    /// That of the tests, without anything that steers a server or tells of a CI system.
    static var plainEnvironment: [String: String] {
        let steering = ["PASSENGER_", "GIT_", "GITHUB_", "GITLAB_", "CI"]
        return processInfo.environment.filter { variable in !steering.contains { variable.key.hasPrefix($0) } }
    }
}
