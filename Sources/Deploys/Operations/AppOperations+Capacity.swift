package import Foundation
import Model
import Pool

/// `scale`, `pause` and `resume`: done at once beside whatever operation runs, kept for the server that comes after. They never
/// wait for the record to be written.
extension AppOperations {
    package func scale(_ workers: Int?) async throws(OperationRefusal) {
        let host = try await servingHost()
        liveRecord.scale = workers
        host.setScale(workers)
        saveLive()
    }

    package func pause(hold: Duration) async throws(OperationRefusal) {
        let host = try await servingHost()
        liveRecord.pausedSince = liveRecord.pausedSince ?? parts.date()
        liveRecord.pauseHoldSeconds = hold.inSeconds
        host.setPause(hold: hold)
        saveLive()
    }

    package func resume() async throws(OperationRefusal) {
        let host = try await servingHost()
        liveRecord.pausedSince = nil
        liveRecord.pauseHoldSeconds = nil
        host.setPause(hold: nil)
        saveLive()
    }

    /// Since when the app is paused.
    package func pausedSince() -> Date? { liveRecord.pausedSince }

    /// What an earlier core was told, of an app without a journal. Before anything of it is booted or adopted.
    package func restore(_ capacity: CapacityRecord) {
        guard parts.journal == nil, let host = parts.host else { return }
        liveRecord.pausedSince = capacity.pausedSince
        liveRecord.pauseHoldSeconds = capacity.pauseHoldSeconds
        liveRecord.scale = capacity.scale
        restoreCapacity(host)
        saveLive()
    }

    /// What the record says, for a server that starts.
    func restoreCapacity(_ host: any GenerationHost) {
        if let scale = liveRecord.scale { host.setScale(scale) }
        if liveRecord.pausedSince != nil {
            host.setPause(hold: .milliseconds(Int64((liveRecord.pauseHoldSeconds ?? 30) * 1000)))
        }
    }

    private func servingHost() async throws(OperationRefusal) -> any GenerationHost {
        await loadOnce()
        if isShuttingDown { throw .shuttingDown }
        guard let host = parts.host else {
            throw .invalid(DeployFailure(.internalError, "no server is running: this one only deploys"))
        }
        return host
    }
}
