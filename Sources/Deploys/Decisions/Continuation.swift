import Model

/// What becomes of a deploy whose core is gone: the next one goes on with it, or a person has to.
enum Continuation: Equatable {
    /// Its release is sealed, and nothing has begun that would have to be known: it waits for a server.
    case pending
    /// Each of its commands has ended, or runs on, or was never started.
    case goesOn
    case stops(DeployStep?, DeployFailure)

    /// - Parameters:
    ///   - isSuccessor: this core has taken the place of one that died: the machine has not, nor has anything on its disks.
    ///   - trace: what is known of a command of this deploy.
    init(of record: DeployRecord, isSuccessor: Bool, trace: (CommandName) -> CommandTrace) {
        let open = DeployStep.allCases.filter { $0.waitsForCommands && record.isOpen($0) }
        if let (name, command) = record.commands(of: open).first(where: { trace($0.0) == .lost }) {
            self = .stops(name.step, Self.lost(command, name))
            return
        }
        let isUntouched = record.state == .sealed || record.state == .proved
        if open.isEmpty, isUntouched {
            self = .pending
        } else if isSuccessor, record.canGoOn(with: open) {
            self = .goesOn
        } else {
            let reason = "the server went away after \(record.state.name)"
            self = .stops(record.steps.last?.step, DeployFailure(.interrupted, reason))
        }
    }

    private static func lost(_ command: String, _ name: CommandName) -> DeployFailure {
        var failure = DeployFailure.unknownEnd(of: command)
        if name.step == .build {
            failure.hint = "`passenger deploys resume \(name.release)` makes the release anew"
        }
        return failure
    }
}

extension DeployRecord {
    /// Of these steps, but for commands that may be run twice.
    fileprivate func commands(of steps: [DeployStep]) -> [(CommandName, String)] {
        guard let deploy = settings?.deploy, !deploy.idempotent else { return [] }
        return steps.flatMap { step in
            (deploy.commands(of: step) ?? []).enumerated().map { index, command in
                (CommandName(release: number, step: step, index: index), command)
            }
        }
    }

    /// These are the steps that have not come to their end.
    fileprivate func canGoOn(with open: [DeployStep]) -> Bool {
        guard release != nil, !open.isEmpty else { return false }
        if open.contains(.build) { return reached == .linked }
        return [.sealed, .proved, .beforeBoot, .booted, .healthy].contains(reached)
    }
}

extension DeployFailure {
    /// Half a migration must be looked at by a person.
    static func unknownEnd(of command: String, outputTail: [String] = []) -> DeployFailure {
        DeployFailure(
            .commandUnknown, "`\(command)` was started, and nothing tells how it ended",
            hint: "find out what it has done; then deploy again", outputTail: outputTail)
    }
}
