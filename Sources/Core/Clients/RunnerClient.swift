import AppConfig
import Deploys
import Foundation
import Glibc
import Linux
import Model
import Spawning

/// `CommandRunning` over `passenger _run`: a build or hook command as the deploy user, whose runner writes what became of
/// it into a record that outlives the core.
struct RunnerClient: CommandRunning {
    /// Where `passenger _run` finds its record.
    private static let recordDescriptor: Int32 = 3

    let tools: Tools
    /// Of the core before.
    let runners: InheritedRunners
    let app: AppPlan
    /// Where the records lie; the core's own.
    let directory: String
    let environment: @Sendable () -> [String: String]

    func run(
        _ command: RunnerCommand, record: String, output: @escaping @Sendable (String) -> Void
    ) async throws(DeployFailure) -> RecordedEnd {
        let recordFile: Descriptor
        do throws(SystemError) {
            recordFile = try openFile(
                path(record), flags: O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, mode: 0o600)
        } catch {
            throw DeployFailure(error, "the runner's record cannot be written")
        }
        var command = command
        command.environment = environment().merging(command.environment) { $1 }
        let running = Shared<ToolProcess?>(nil)
        let complaint = Shared<String?>(nil)
        let request = command
        let number = recordFile.number
        let end = await withTaskCancellationHandler {
            await withCheckedContinuation { (done: CheckedContinuation<ToolEnd, Never>) in
                let tool = tools.start(
                    .runner, ["_run"], user: app.users.deploys, title: InheritedRunners.title(app.name, record),
                    niceness: Tools.background, descriptors: [(number, Self.recordDescriptor)],
                    line: { stream, line in
                        if stream == .stderr, line.hasPrefix(RunnerProcess.complaint) {
                            complaint.withLock { $0 = String(line.dropFirst(RunnerProcess.complaint.count)) }
                        }
                        output(line)
                    }, ended: { done.resume(returning: $0) })
                running.withLock { $0 = tool }
                tool.write(Self.encode(request))
                tool.closeInput()
                if Task.isCancelled { tool.signal(SIGTERM, .leader) }
            }
        } onCancel: {
            running.withLock { $0 }?.signal(SIGTERM, .leader)
        }
        _ = consume recordFile
        if case .notStarted(let reason) = end {
            throw DeployFailure(.internalError, "the command's runner could not be started: \(reason)")
        }
        guard let recorded = recordedEnd(record) else {
            let reason = complaint.withLock { $0 } ?? "\(end)"
            throw DeployFailure(.internalError, "the command was not started: \(reason)")
        }
        return recorded
    }

    func follow(_ record: String, output: @escaping @Sendable (String) -> Void) async -> RecordedEnd? {
        let runner = runners.take(app.name, record)
        let ended = Shared<CheckedContinuation<Void, Never>?>(nil)
        let follower = RunnerFollower(reader: tools.reader, path: path(record), output: output) {
            ended.withLock { $0 }?.resume()
        }
        await withTaskCancellationHandler {
            guard let runner else { return }
            await withCheckedContinuation { continuation in
                ended.withLock { $0 = continuation }
                runner.take(by: follower)
                if Task.isCancelled { runner.signal(SIGTERM, .leader) }
            }
        } onCancel: {
            runner?.signal(SIGTERM, .leader)
        }
        follower.catchUp()
        return recordedEnd(record)
    }

    func trace(of record: String) -> CommandTrace {
        if runners.isRunning(app.name, record) { return .running }
        switch recordedEnd(record) {
        case nil: return .neverStarted
        case .unknown: return .lost
        case .ended, .timedOut: return .ended
        }
    }

    func unfollowed() -> [String] { runners.records(of: app.name) }

    func end(_ records: [String]) { for record in records { runners.end(app.name, record) } }

    /// On disk too, or after a loss of power an end would be taken for that of another command.
    func forget(_ records: [String]) {
        // What stays is in the way of its command, which says so.
        guard records.count(where: { unlink(path($0)) == 0 }) > 0,
            let folder = try? openFile(directory, flags: O_RDONLY | O_DIRECTORY)
        else { return }
        fsync(folder.number)
    }

    /// Nil when there was never a command.
    private func recordedEnd(_ record: String) -> RecordedEnd? {
        do {
            return RunnerRecord(bytes: try readFile(path(record), limit: 16 << 20))?.end
        } catch {
            return error.errno == ENOENT ? nil : .unknown
        }
    }

    private func path(_ record: String) -> String { "\(directory)/\(record).jsonl" }

    private static func encode(_ command: RunnerCommand) -> String {
        // Encoding strings and a duration cannot fail.
        (try? JSONEncoder().encode(command)).map { String(decoding: $0, as: UTF8.self) + "\n" } ?? ""
    }
}
