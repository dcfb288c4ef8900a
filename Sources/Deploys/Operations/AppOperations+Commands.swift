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
        // A build is begun anew with its release, unless that is gone on with; what hooks did is done.
        if case .resume = run.ticket.request { batch.isResumed = step.isHook || run.deploy == continuing }
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
        let names = batch.commands.indices.map {
            CommandName(release: batch.release.label.number, step: batch.step, index: $0).description
        }
        if !batch.isResumed { runner.forget(names) }
        let limit = batch.settings.deploy.hookTimeout
        for (command, record) in zip(batch.commands, names) {
            if Task.isCancelled { throw .cancelled }
            output.note("$ \(command)")
            if batch.isResumed, let end = try await heard(output, { await runner.follow(record, output: $0) }) {
                guard end == .unknown, batch.settings.deploy.idempotent else {
                    try judge(end, command, limit, output)
                    continue
                }
                runner.forget([record])
            }
            try judge(try await execute(command, record, batch, runner, output), command, limit, output)
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
        return try await heard(output) { line throws(DeployFailure) in
            try await runner.run(order, record: record, output: line)
        }
    }

    /// What a command says while `body` follows it.
    func heard<Answer: Sendable>(
        _ output: StepOutput,
        _ body: (@escaping @Sendable (String) -> Void) async throws(DeployFailure) -> Answer
    ) async throws(DeployFailure) -> Answer {
        let (lines, continuation) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(10_000))
        // One consumer keeps the lines in order; the runner's callback may come on any thread.
        let pump = Task { for await line in lines { output.note(line) } }
        let answer: Result<Answer, DeployFailure>
        do throws(DeployFailure) {
            answer = .success(try await body { continuation.yield($0) })
        } catch { answer = .failure(error) }
        continuation.finish()
        await pump.value
        return try answer.get()
    }

    func judge(
        _ end: RecordedEnd, _ command: String, _ limit: Duration, _ output: StepOutput
    ) throws(DeployFailure) {
        let tail = output.tail.last(50)
        switch end {
        case .ended(.exited(0)): return
        case .ended(let reason):
            throw DeployFailure(.commandFailed, "`\(command)` ended with \(reason)", outputTail: tail)
        case .timedOut:
            throw DeployFailure(
                .commandTimedOut, "`\(command)` took longer than hook_timeout (\(limit.inWords))",
                outputTail: tail)
        case .unknown: throw DeployFailure.unknownEnd(of: command, outputTail: tail)
        }
    }
}
