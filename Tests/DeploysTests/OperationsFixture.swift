import Deploys
import Foundation
import Logging
import Model
import Pool

/// An app with a deploy root, everything around it fake but the journal.
final class Fixture: Sendable {
    let clock = ManualClock()
    let host: FakeHost
    let builder: FakeBuilder
    let commands = FakeCommands()
    let companions: FakeCompanions
    let settings = FakeSettings()
    let notifier = FakeNotifier()
    let directory: TemporaryDirectory
    let journal: Journal
    let operations: AppOperations

    init(
        gates: Bool = false, server: Bool = true, inPlace: Bool = false,
        keepCapacity: (@Sendable (CapacityRecord) -> Void)? = nil, continuing earlier: Fixture? = nil,
        isSuccessor: Bool = false, later: TimeInterval = 0
    ) throws {
        host = FakeHost(gates: gates)
        companions = FakeCompanions(host: host)
        builder = earlier?.builder ?? FakeBuilder(gates: gates)
        directory = try earlier?.directory ?? TemporaryDirectory()
        journal = try Journal(directory: directory.path + "/state")
        let clock = self.clock
        var parts = AppOperations.Parts(
            host: server ? host : nil, builder: inPlace ? nil : builder, commands: commands, companions: companions,
            settings: settings,
            journal: inPlace ? nil : journal, lock: inPlace ? nil : OperationLock(path: journal.lockPath),
            now: { clock.now }, date: { Date(timeIntervalSinceNow: later) },
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        parts.notifier = notifier
        parts.keepCapacity = keepCapacity
        parts.isSuccessor = isSuccessor
        operations = AppOperations(app: AppName(sanitizing: "blog"), parts: parts)
    }

    /// A write under way would make the directory's removal fail.
    deinit { journal.settle() }

    /// Follows an operation to its end; its bake is over as soon as it begins, with these counts.
    @discardableResult
    func finish(_ handle: OperationHandle, bake: TrafficCounts? = nil) async throws -> OperationOutcome {
        for await logged in handle.events() {
            switch logged.event {
            case .stepStarted(.bake, _):
                if let bake, let live = host.liveGeneration() { host.change { $0.counts[live.number] = bake } }
                if bake == nil { clock.advance(.seconds(60)) }
                await operations.tick()
            case .finished(let outcome):
                await operations.waitForCleanUp()
                _ = await journal.flush()
                return outcome
            default: continue
            }
        }
        throw DeployFailure(.internalError, "the log ended without an outcome")
    }

    @discardableResult
    func deploy(_ commit: Character = "a", bake: TrafficCounts? = nil) async throws -> OperationOutcome {
        builder.change { $0.commit = String(repeating: commit, count: 40) }
        return try await finish(try await operations.deploy(DeployRequest(requester: somebody)), bake: bake)
    }

    func rollback(to target: Int? = nil, now: Bool = false) async throws -> OperationOutcome {
        let request = RollbackRequest(target: target.map { DeployNumber($0) }, now: now, requester: somebody)
        return try await finish(try await operations.rollback(request))
    }

    func state(of number: Int) async -> DeployState? { await operations.deploy(DeployNumber(number))?.state }

    func waitForBake(_ handle: OperationHandle) async {
        for await logged in handle.events() {
            if case .stepStarted(.bake, _) = logged.event { return }
        }
    }
}

let restartRequest = RestartRequest(reason: "restart.txt was touched", requester: somebody)
