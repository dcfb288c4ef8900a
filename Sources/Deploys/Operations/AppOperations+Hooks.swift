import Logging
import Model
import Pool

/// A hook of what has happened already: what it does, and who is told of it.
struct Hook {
    var step: DeployStep
    /// Whose followers see it to its end; nil: nobody's.
    var operation: OperationNumber?
    /// Whose journal it is in.
    var deploy: DeployNumber?
    var log: OperationLog?
    var work: @Sendable (StepOutput) async throws(DeployFailure) -> Void
}

/// An operation that is over for everybody but its followers, who see its hooks to their end.
struct HeldEnd {
    var operation: OperationNumber
    var log: OperationLog
    var outcome: OperationOutcome
    /// Its record is not on disk yet. What is told as stable must still be so after a loss of power.
    var isBeingWritten = false
}

/// Hooks from the switch on. What is live stays live whatever becomes of them, and no operation waits for one: a rollback can
/// come while one runs. They run one at a time, in the order of what they are about.
extension AppOperations {
    /// Traffic has gone to the release of this deploy.
    func followSwitch(_ run: OperationRun) {
        guard run.ticket.request.kind == .deploy, let code = live else { return }
        follow(.afterSwitch, code, run, previous: run.old?.release) { $0.afterSwitch }
    }

    func followEnd(_ ending: DeployStateMachine.Ending, _ run: OperationRun) {
        let isDeploy = run.ticket.request.kind == .deploy
        switch ending {
        case .done where isDeploy:
            follow(.afterStable, live, run, previous: run.old?.release, result: "stable") { $0.afterStable }
        case .done where run.ticket.request.kind == .rollback:
            follow(.onRollback, live, run, previous: run.old?.release, result: "rolled_back") { $0.onRollback }
        case .rolledBack:
            follow(.onRollback, live, run, previous: run.release, result: "rolled_back") { $0.onRollback }
        case .failed where isDeploy:
            follow(.onFailure, ownCode(run) ?? live, run, previous: live?.release, result: "failed") { $0.onFailure }
        case .aborted where isDeploy:
            follow(.onFailure, ownCode(run) ?? live, run, previous: live?.release, result: "aborted") { $0.onFailure }
        case .done, .pending, .failed, .aborted, .interrupted: break
        }
    }

    /// At once when it has no hooks, or none any more; a deploy's when its record is written too, or cannot be. A rollback's end
    /// waits for no disk.
    func tellEnd(_ outcome: OperationOutcome, of ticket: OperationTicket) {
        var end = HeldEnd(operation: ticket.number, log: ticket.log, outcome: outcome)
        if let journal = parts.journal, ticket.request.kind == .deploy {
            end.isBeingWritten = true
            Task {
                _ = await journal.flush()
                for index in heldEnds.indices where heldEnds[index].operation == ticket.number {
                    heldEnds[index].isBeingWritten = false
                }
                tellEnds()
            }
        }
        heldEnds.append(end)
        tellEnds()
    }

    private func tellEnds() {
        let waiting = Set((hooks + [runningHook].compactMap { $0 }).compactMap(\.operation))
        let over = heldEnds.filter { !$0.isBeingWritten && !waiting.contains($0.operation) }
        heldEnds.removeAll { !$0.isBeingWritten && !waiting.contains($0.operation) }
        for end in over { end.log.append(.finished(end.outcome)) }
    }

    /// The generation's last process is gone, or will be. Nothing is said of a restart's: its release goes on.
    func followDrain(_ generation: GenerationNumber, of release: ReleaseLocation?) {
        guard let host = parts.host, let release, release != live?.release else { return }
        Task {
            await host.waitUntilGone(generation)
            guard let code = live, release != code.release, standby?.code.release != release else { return }
            follow(.afterDrain, code, nil, previous: release) { $0.afterDrain }
        }
    }

    /// When the server stops; what runs is ended, and what it had done is in its runner's record. Does not wait for that.
    func stopHooks() {
        hooks = []
        hookTask?.cancel()
        tellEnds()
    }

    /// A release that failed is asked itself, once its configuration was read.
    private func ownCode(_ run: OperationRun) -> BootedCode? {
        guard let settings = run.settings, let release = run.release else { return nil }
        return BootedCode(generation: GenerationNumber(0), release: release, settings: settings)
    }

    private func follow(
        _ step: DeployStep, _ code: BootedCode?, _ run: OperationRun?, previous: ReleaseLocation?,
        result: String? = nil, _ commands: (DeploySettings) -> [String]
    ) {
        guard let code, let release = code.release, parts.commands != nil, !isShuttingDown else { return }
        var batch = CommandBatch(
            step: step, commands: commands(code.settings.deploy), settings: code.settings, release: release)
        guard !batch.commands.isEmpty else { return }
        batch.environment = hookVariables(run?.deploy ?? release.label.number, previous: previous, result: result)
        let order = batch
        enqueue(
            Hook(
                step: step, operation: run?.ticket.number, deploy: run?.deploy, log: run?.ticket.log,
                work: { output throws(DeployFailure) in try await self.execute(order, output) }))
    }

    func enqueue(_ hook: Hook) {
        hooks.append(hook)
        if hookTask == nil { hookTask = Task { await self.runHooks() } }
    }

    private func runHooks() async {
        while !hooks.isEmpty, !Task.isCancelled {
            let hook = hooks.removeFirst()
            runningHook = hook
            await run(hook)
            runningHook = nil
            tellEnds()
        }
        hookTask = nil
    }

    private func run(_ hook: Hook) async {
        let step = hook.step
        let began = parts.now()
        let output = StepOutput(step, hook.log)
        let title = self.title(of: step, nil)
        hook.log?.append(.stepStarted(step: step, title: title))
        change(hook.deploy) { $0.begin(step, title: title, at: parts.date()) }
        var failure: DeployFailure?
        do throws(DeployFailure) { try await hook.work(output) } catch { failure = error }
        let time = (parts.now() - began).wholeNanoseconds
        hook.log?.append(.stepFinished(step: step, nanoseconds: time, failure: failure?.description))
        change(hook.deploy) { closeStep(&$0, step, time, failure, output: output.tail.text) }
        guard let failure else { return }
        hook.log?.append(.notice(.warning, "\(title): \(failure); what is live is not concerned"))
        parts.logger.warning("\(title)", metadata: ["problem": "\(failure)"])
    }
}
