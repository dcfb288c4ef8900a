import Logging
import Model
import Pool

/// What the core before has left unfinished.
extension AppOperations {
    func judgeUnfinished() {
        for var record in ledger.unfinished {
            // Without a server nobody would go on with it.
            let isSuccessor = parts.isSuccessor && parts.host != nil
            switch Continuation(of: record, isSuccessor: isSuccessor, trace: trace) {
            case .goesOn:
                // Until it has begun again its journal stays as it is: there may be a third core.
                continuing = record.number
                continue
            case .pending:
                record.state = .pending
                record.failedStep = record.steps.last?.step
                record.failure = DeployFailure(
                    .interrupted, "the server went away after \(record.reached.name)")
            case .stops(let step, let failure):
                stop(&record, step, failure)
            }
            save(record)
            let hint = record.failure?.hint.map { " (\($0))" } ?? ""
            let problem = "deploy \(record.number) is \(record.state.name): \(record.failure?.description ?? "")\(hint)"
            startProblems.append(problem)
            parts.logger.warning("\(problem)")
        }
    }

    private func trace(_ name: CommandName) -> CommandTrace { parts.commands?.trace(of: "\(name)") ?? .neverStarted }

    private func stop(_ record: inout DeployRecord, _ step: DeployStep?, _ failure: DeployFailure) {
        record.state = .interrupted
        record.failedStep = step
        record.failure = failure
        record.finishedAt = parts.date()
    }

    /// It cannot be gone on with now.
    func giveUpContinuing(_ reason: String) {
        guard let number = continuing else { return }
        continuing = nil
        change(number) { record in
            let step = record.steps.last?.step
            stop(&record, step, DeployFailure(.interrupted, reason))
        }
        startProblems.append("deploy \(number) is interrupted: \(reason)")
        endCommands(of: number)
    }

    /// Commands that the core before has left running: each is followed, now or when its operation comes to it, or is ended.
    func claimCommands() {
        guard let commands = parts.commands else { return }
        commands.end(commands.unfollowed().filter { CommandName($0).map { !claim($0) } ?? true })
    }

    private func claim(_ name: CommandName) -> Bool {
        if name.step.waitsForCommands { return name.release == continuing }
        guard name.step.isAfterwards, parts.host != nil else { return false }
        // They run one at a time, so it is the last one.
        let deploy = records.values.filter { $0.isOpen(name.step) }.max { $0.number < $1.number }
        enqueue(
            Hook(
                step: name.step, operation: nil, deploy: deploy?.number, log: nil,
                work: { output throws(DeployFailure) in try await self.follow(name, output) }))
        return true
    }

    /// Those after it are not run: what they are about may not be so any more.
    private func follow(_ name: CommandName, _ output: StepOutput) async throws(DeployFailure) {
        guard let runner = parts.commands else { return }
        let settings = records[name.release]?.settings?.deploy
        let commands = settings?.commands(of: name.step) ?? []
        let command = commands.dropFirst(name.index).first ?? "\(name)"
        output.note("$ \(command)")
        if let end = try await heard(output, { await runner.follow("\(name)", output: $0) }) {
            try judge(end, command, settings?.hookTimeout ?? DeploySettings().hookTimeout, output)
        }
        guard name.index + 1 < commands.count else { return }
        throw DeployFailure(.interrupted, "the server went away: nothing that comes after `\(command)` was run")
    }

    /// Of an operation that is over without having come to them.
    func endCommands(of deploy: DeployNumber) {
        guard let commands = parts.commands else { return }
        commands.end(
            commands.unfollowed().filter { text in
                CommandName(text).map { $0.release == deploy && $0.step.waitsForCommands } ?? false
            })
    }
}
