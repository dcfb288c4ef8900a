import Model
import Pool

/// Commands of one step, and what they run in.
struct CommandBatch {
    var step: DeployStep
    var commands: [String]
    var settings: AppSettings
    var release: ReleaseLocation
    /// Over the app's own variables.
    var environment: [String: String] = [:]
    /// What an earlier core recorded of them is the truth, and they are not run again.
    var isResumed = false
}

/// Build and hook commands, one after the other, each under a runner.
extension AppOperations {
    func runCommands(
        _ step: DeployStep, _ run: OperationRun, _ commands: (DeploySettings) -> [String]
    ) async throws(DeployFailure) -> StepProduct {
        guard let settings = run.settings, let release = run.release else {
            throw DeployFailure(.internalError, "there is nothing to run commands in")
        }
        var batch = CommandBatch(step: step, commands: commands(settings.deploy), settings: settings, release: release)
        batch.environment = hookVariables(run.deploy, previous: live?.release)
        // A build is begun anew with its release; what hooks did is done.
        if case .resume = run.ticket.request { batch.isResumed = step.isHook }
        try await execute(batch, run.output)
        return .nothing
    }

    /// What hooks are told beside the release that they run in.
    func hookVariables(
        _ deploy: DeployNumber?, previous: ReleaseLocation?, result: String? = nil
    ) -> [String: String] {
        var variables: [String: String] = [:]
        variables["PASSENGER_DEPLOY"] = deploy.map { "\($0)" }
        variables["PASSENGER_PREVIOUS_RELEASE"] = previous?.label.name
        variables["PASSENGER_PREVIOUS_REVISION"] = previous?.label.revision
        variables["PASSENGER_RESULT"] = result
        return variables
    }

    func execute(_ batch: CommandBatch, _ output: StepOutput) async throws(DeployFailure) {
        if batch.commands.isEmpty { return }
        guard let runner = parts.commands else {
            throw DeployFailure(.internalError, "there is nothing to run commands with")
        }
        for (index, command) in batch.commands.enumerated() {
            if Task.isCancelled { throw .cancelled }
            output.note("$ \(command)")
            let record = "\(batch.release.label.number)-\(batch.step.rawValue)-\(index)"
            if batch.isResumed, let end = await runner.recordedEnd(record),
                end != .unknown || !batch.settings.deploy.idempotent
            {
                try judge(end, command, batch.settings, output)
                continue
            }
            try judge(try await execute(command, record, batch, runner, output), command, batch.settings, output)
        }
    }

    private func execute(
        _ command: String, _ record: String, _ batch: CommandBatch, _ runner: any CommandRunning,
        _ output: StepOutput
    ) async throws(DeployFailure) -> RecordedEnd {
        var environment = batch.settings.variables.merging(batch.environment) { $1 }
        environment["PASSENGER_RELEASE"] = batch.release.label.name
        environment["PASSENGER_REVISION"] = batch.release.label.revision
        let order = RunnerCommand(
            command: command, directory: batch.settings.directory, environment: environment,
            timeout: batch.settings.deploy.hookTimeout)
        let (lines, continuation) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(10_000))
        // One consumer keeps the lines in order; the runner's callback may come on any thread.
        let pump = Task { for await line in lines { output.note(line) } }
        let end: Result<RecordedEnd, DeployFailure>
        do throws(DeployFailure) {
            end = .success(try await runner.run(order, record: record) { continuation.yield($0) })
        } catch { end = .failure(error) }
        continuation.finish()
        await pump.value
        return try end.get()
    }

    /// `unknown` ends are not tried again: half a migration must be looked at by a person.
    private func judge(
        _ end: RecordedEnd, _ command: String, _ settings: AppSettings, _ output: StepOutput
    ) throws(DeployFailure) {
        let tail = output.tail.last(50)
        switch end {
        case .ended(.exited(0)): return
        case .ended(let reason):
            throw DeployFailure(.commandFailed, "`\(command)` ended with \(reason)", outputTail: tail)
        case .timedOut:
            throw DeployFailure(
                .commandTimedOut, "`\(command)` took longer than hook_timeout (\(settings.deploy.hookTimeout))",
                outputTail: tail)
        case .unknown:
            throw DeployFailure(
                .commandUnknown, "`\(command)` was started, and nothing tells how it ended",
                hint: "find out what it has done; then deploy again", outputTail: tail)
        }
    }
}
