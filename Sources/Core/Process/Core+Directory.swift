import Logging
import Model
import NIOCore
import Spawning

// Apps that come and go while the server runs.
extension Core {
    /// How long the start waits for a directory that cannot be looked at.
    private static let patience = Duration.seconds(10)
    private static let recordDelay = Duration.milliseconds(200)

    func directoryApps(_ roster: AppRoster) -> DirectoryApps? {
        plan.directory.map { directory in
            DirectoryApps(
                directory: directory, plan: plan, roster: roster, table: table, logger: logger,
                changed: { [self] in recordChanged() })
        }
    }

    /// Returns when all apps that are there have been taken in. The others come, and these go, while the server runs.
    func follow(_ apps: DirectoryApps?, _ routes: RouteTable?) async -> Task<Void, Never>? {
        guard let apps else { return nil }
        let (listed, isListed) = AsyncStream<Void>.makeStream()
        let task = Task { [appsMessages] in
            for await message in appsMessages {
                if message == .listed { isListed.finish() } else { await apps.follow(message) }
            }
        }
        tools.schedule(Self.patience) { isListed.finish() }
        await routes?.together { for await _ in listed {} }
        return task
    }

    /// Commands find apps by the record. When a thousand of them come, it is written once, not a thousand times.
    private func recordChanged() {
        let isFirst = record.withLock { record in
            defer { record.isDue = true }
            return record.isWritten && !record.isDue
        }
        guard isFirst else { return }
        tools.schedule(Self.recordDelay) { [self] in
            record.withLock { $0.isDue = false }
            do {
                try writeInstanceRecord(boundAddresses())
            } catch {
                logger.error("commands do not find what has changed: \(error)")
            }
        }
    }
}
