import AdminServer
import Deploys
import Gateway
import Glibc
import Linux
import Logging
import Model
import NIOCore
import Pool
import Spawning
import Telemetry

/// Another core takes the place of this one: what is a later core's is handed over, and what was accepted is answered.
extension Core {
    /// So long may operations that cannot be gone on with by another core hold an upgrade up.
    private static let patience = Duration.seconds(600)
    private static let pause = Duration.milliseconds(100)
    /// For taking the last connections.
    private static let patienceWithNextCore = Duration.seconds(10)
    private static let reportInterval = Duration.milliseconds(10)
    private static let farewell = Duration.milliseconds(500)
    /// When no app says how long it gives its requests.
    private static let answerTime = Duration.seconds(20)

    struct Retirement: Sendable {
        var gateway: Gateway
        var bridge: PoolBridge
        var spawner: WorkerSpawner
        var snapshots: SnapshotKeeper
        var admin: AdminServer
        var adminTask: Task<Void, Never>
    }

    /// Does not return once it has handed over.
    func followRetirement(_ parts: Retirement) async {
        for await clients in retirements {
            do {
                let (pool, loads) = try await handOver(parts, clients)
                await answerTheLast(parts, pool, loads)
                await clients?.settled(within: Self.patienceWithNextCore)
                writer.flush()
                exit(0)
            } catch is Stays {
                await holdNoMore()
                logger.warning("upgrade: this core goes on")
            } catch let refusal as Refused {
                await holdNoMore()
                logger.warning("upgrade: this core goes on: \(refusal.reason)")
                // Fails only when the supervisor is gone, and this process with it.
                try? link.send(.handedOver([], refusal: refusal.reason))
            } catch {
                // Operations were told to stop, so it cannot go on as it was: the next core can.
                logger.critical("upgrade: the hand-over failed: \(error)")
                writer.flush()
                exit(1)
            }
        }
    }

    private struct Refused: Error { var reason: String }
    /// Nobody waits for an answer.
    private struct Stays: Error {}

    private func handOver(_ parts: Retirement, _ clients: ClientSender?) async throws -> (PoolRecord, WorkerLoads) {
        for app in table.all { await app.operations.hold() }
        try await waitForRest()
        do {
            // Later there is no way back.
            try parts.snapshots.writeNow()
        } catch {
            throw Refused(reason: "the pool's snapshot cannot be written: \(error)")
        }
        let retires = phase.withLock { phase in
            if phase == .serving { phase = .retired }
            return phase == .retired
        }
        guard retires else { throw Refused(reason: "the server is stopping") }
        // Commands that come from here on wait for the next core.
        await parts.admin.stopAccepting()
        await withTaskGroup(of: Void.self) { group in
            for app in table.all { group.addTask { await app.operations.shutDown() } }
        }
        await leave(parts.gateway, to: clients)
        let snapshot = try parts.snapshots.finish(pool.retire())
        let loads = handOverChildren(snapshot, parts)
        try link.send(.handedOver(loads.children, refusal: nil))
        logger.info("another core takes over; this one answers its last clients")
        return (snapshot.pool, loads.loads)
    }

    /// Without a way to the next core, or when that one is gone, idle clients have to connect anew.
    private func leave(_ gateway: Gateway, to next: ClientSender?) async {
        guard let next else { return await gateway.drain() }
        next.whenNobodyTakes { Task { await gateway.drain() } }
        await gateway.retire { next.send($0, $1) }
    }

    private func handOverChildren(
        _ snapshot: ServerSnapshot, _ parts: Retirement
    ) -> (loads: WorkerLoads, children: [ChildTag]) {
        let spawner = parts.spawner
        let listed = Set(snapshot.workers.map(\.number))
        let tags = spawner.workerTags().filter { listed.contains($0.key) }
        parts.bridge.retire(listed)
        spawner.handOver(listed)
        var children = Array(tags.values)
        for preloader in snapshot.preloaders {
            guard let tag = spawner.preloaderTag(preloader.generation, of: preloader.app) else { continue }
            spawner.handOverPreloader(preloader.generation, of: preloader.app)
            children.append(tag)
        }
        var known: [WorkerNumber: WorkerShare] = [:]
        for worker in snapshot.pool.apps.flatMap(\.generations).flatMap(\.workers) {
            known[worker.number] = worker.load
        }
        return (WorkerLoads(tags: tags, known: known), children)
    }

    /// Until nothing is under way that another core could not go on with.
    private func waitForRest() async throws {
        let deadline = monotonicNow() + Self.patience
        while let (app, work) = await firstWork() {
            if isToStay.withLock({ $0 }) { throw Stays() }
            guard monotonicNow() < deadline else {
                throw Refused(reason: "\(work) of app \(app) has not ended for \(Self.patience.inWords)")
            }
            try? await Task.sleep(for: Self.pause)
        }
        if isToStay.withLock({ $0 }) { throw Stays() }
    }

    private func holdNoMore() async {
        for app in table.all { await app.operations.holdNoMore() }
    }

    private func firstWork() async -> (AppName, String)? {
        for app in table.all where app.isStarted {
            if let work = await app.operations.work { return (app.name, work) }
        }
        return nil
    }

    // MARK: After it

    private func answerTheLast(_ parts: Retirement, _ record: PoolRecord, _ loads: WorkerLoads) async {
        let reports = Task { await report(loads) }
        async let companions: Void = stopCompanions(within: plan.server.shutdownTimeout)
        endStreams(record, parts.gateway)
        // The server stops, and somebody is in a hurry.
        let hurry = Task { for await _ in hurriedRetirements { parts.gateway.closeAll() } }
        await parts.gateway.waitUntilEmpty(within: Self.longestAnswer(record))
        await parts.gateway.finish(within: .milliseconds(500))
        hurry.cancel()
        await parts.gateway.closeLogs(within: .seconds(1))
        await companions
        // Whoever asked for the upgrade has the answer before the process ends.
        await upgrades.settled()
        try? await Task.sleep(for: Self.farewell)
        parts.adminTask.cancel()
        await parts.adminTask.value
        reports.cancel()
    }

    private func endStreams(_ record: PoolRecord, _ gateway: Gateway) {
        for app in record.apps {
            guard let index = table[app.name]?.index else { continue }
            for generation in app.generations {
                gateway.endStreams(
                    of: index, generation: generation.number, worker: nil,
                    spreadOver: generation.spec.settings.deploy.streamDrain)
            }
        }
    }

    /// What any of the apps gives its requests, or its streams, when it drains.
    private static func longestAnswer(_ record: PoolRecord) -> Duration {
        let settings = record.apps.flatMap(\.generations).map(\.spec.settings.deploy)
        return settings.map { max($0.drainTimeout, $0.streamDrain) }.max() ?? answerTime
    }

    private func report(_ known: WorkerLoads) async {
        var loads = known
        while !Task.isCancelled {
            let changes = loads.changes { pool.load(of: $0) }
            if !changes.isEmpty { try? link.send(.loads(changes)) }
            try? await Task.sleep(for: Self.reportInterval)
        }
    }
}
