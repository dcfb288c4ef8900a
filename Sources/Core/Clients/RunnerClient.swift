import AppConfig
import Deploys
import Foundation
import Linux
import Model
import Spawning

/// `CommandRunning` over `passenger _run`: a build or hook command as the deploy user, whose runner writes what became of
/// it into a record that outlives the core.
struct RunnerClient: CommandRunning {
    /// Where `passenger _run` finds its record.
    private static let recordDescriptor: Int32 = 3

    let tools: Tools
    let app: AppPlan
    /// Where the records lie; the core's own.
    let directory: String
    let environment: @Sendable () -> [String: String]

    func run(
        _ command: RunnerCommand, record: String, output: @escaping @Sendable (String) -> Void
    ) async throws(DeployFailure) -> RecordedEnd {
        let file: Int32
        do {
            file = try openFile(
                "\(directory)/\(record).jsonl", flags: O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600
            ).release()
        } catch {
            throw DeployFailure(.diskFull, "the runner's record cannot be written: \(error)")
        }
        let recordFile = Descriptor(owning: file)
        var command = command
        command.environment = environment().merging(command.environment) { $1 }
        let running = Shared<ToolProcess?>(nil)
        let request = command
        let number = recordFile.number
        let end = await withTaskCancellationHandler {
            await withCheckedContinuation { (done: CheckedContinuation<ToolEnd, Never>) in
                let tool = tools.start(
                    .runner, ["_run"], user: app.users.deploys, title: "\(app.name) \(record)",
                    niceness: Tools.background, descriptors: [(number, Self.recordDescriptor)],
                    line: { _, line in output(line) }, ended: { done.resume(returning: $0) })
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
        return await recordedEnd(record) ?? .unknown
    }

    func recordedEnd(_ record: String) async -> RecordedEnd? {
        guard let bytes = try? readFile("\(directory)/\(record).jsonl", limit: 16 << 20) else { return nil }
        return RunnerRecord(bytes: bytes)?.end
    }

    private static func encode(_ command: RunnerCommand) -> String {
        // Encoding strings and a duration cannot fail.
        (try? JSONEncoder().encode(command)).map { String(decoding: $0, as: UTF8.self) + "\n" } ?? ""
    }
}
