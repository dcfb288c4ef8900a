import Linux
import Logging
import Model
import NIOPosix
import Pool
import Spawning
import Synchronization

/// Writes down who serves, a moment after each change, away from everything that serves. Changes that come close together are
/// written once, and writing takes a small part of the time only.
final class SnapshotKeeper: Sendable {
    private static let delay = Duration.milliseconds(10)
    /// Between two writings: so many times as long as the last one took.
    private static let share = 20
    /// But no longer than this: what is not written when the core dies is lost with it, and a disk may be slow.
    private static let longest = Duration.milliseconds(250)

    private struct State {
        var hasBegun = false
        var isDue = false
        var notBefore = Instant.zero
        var isFailing = false
        var hasEnded = false
    }

    private let file: SnapshotFile
    private let pool: Pool
    private let spawner: WorkerSpawner
    private let notes: AppNotes
    private let threads: NIOThreadPool
    private let schedule: SpawningParts.Schedule
    private let logger: Logger
    private let encoder = SnapshotEncoder()
    private let state = Mutex(State())
    private let writing = Mutex(())

    init(
        file: SnapshotFile, pool: Pool, spawner: WorkerSpawner, notes: AppNotes, threads: NIOThreadPool,
        schedule: @escaping SpawningParts.Schedule, logger: Logger
    ) {
        self.file = file
        self.pool = pool
        self.spawner = spawner
        self.notes = notes
        self.threads = threads
        self.schedule = schedule
        self.logger = logger
    }

    /// From now on. Not before everything that an earlier core has left was adopted or is being ended: its snapshot is worth
    /// more than half of ours.
    func begin() {
        state.withLock { $0.hasBegun = true }
        changed()
    }

    /// Returns at once.
    func changed() {
        let wait = state.withLock { state -> Duration? in
            guard state.hasBegun, !state.hasEnded, !state.isDue else { return nil }
            state.isDue = true
            return max(Self.delay, state.notBefore - monotonicNow())
        }
        guard let wait else { return }
        schedule(wait) { [self] in threads.submit { if case .active = $0 { self.write() } } }
    }

    /// The last one, for a core that takes over now: nothing is written after it.
    func finish(_ record: PoolRecord) throws -> ServerSnapshot {
        let snapshot = snapshot(record)
        return try writing.withLock { _ in
            state.withLock { $0.hasEnded = true }
            try file.write(try encoder.encode(snapshot))
            return snapshot
        }
    }

    /// Whether it is possible, and if it is, done.
    func writeNow() throws {
        let snapshot = snapshot(pool.record())
        try writing.withLock { _ in try file.write(try encoder.encode(snapshot)) }
    }

    private func write() {
        writing.withLock { _ in
            if !state.withLock({ $0.hasEnded }) { writeOrTell() }
        }
    }

    private func writeOrTell() {
        let began = monotonicNow()
        // What changes from here on is written the next time.
        state.withLock { $0.isDue = false }
        do {
            try file.write(try encoder.encode(snapshot(pool.record())))
            state.withLock { $0.isFailing = false }
        } catch {
            let isNew = state.withLock { state in
                defer { state.isFailing = true }
                return !state.isFailing
            }
            if isNew { logger.warning("the pool's snapshot is not written, a core crash would end the apps: \(error)") }
        }
        let end = monotonicNow()
        state.withLock { $0.notBefore = end + min((end - began) * Self.share, Self.longest) }
    }

    private func snapshot(_ record: PoolRecord) -> ServerSnapshot {
        var record = record
        // Apps that sleep have nothing to go on with.
        record.apps.removeAll { $0.generations.isEmpty }
        let marks = spawner.workerMarks()
        var snapshot = ServerSnapshot(pool: record, workers: [], preloaders: [], notes: notes.all())
        for app in record.apps {
            for generation in app.generations {
                for worker in generation.workers {
                    guard let mark = marks[worker.number] else { continue }
                    snapshot.workers.append(.init(number: worker.number, process: mark))
                }
                guard let mark = spawner.preloaderMark(generation.number, of: app.name) else { continue }
                snapshot.preloaders.append(.init(app: app.name, generation: generation.number, process: mark))
            }
        }
        return snapshot
    }
}
