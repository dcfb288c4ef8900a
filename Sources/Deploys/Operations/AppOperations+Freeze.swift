import Foundation
import Model

/// `lock` and `unlock`: a person wants nothing to be deployed for a while. It outlives servers and sessions; what runs is not
/// touched, and restarts and rollbacks go on as ever.
extension AppOperations {
    /// Again: with another text.
    package func lock(_ message: String, by requester: Requester) async throws(OperationRefusal) -> Freeze {
        guard parts.builder != nil else { throw .notADeployRoot }
        await loadOnce()
        let freeze = Freeze(message: message, owner: requester.user ?? "uid \(requester.uid)", since: parts.date())
        liveRecord.lock = freeze
        saveLive()
        return freeze
    }

    /// What was locked, if it was.
    @discardableResult
    package func unlock() async throws(OperationRefusal) -> Freeze? {
        guard parts.builder != nil else { throw .notADeployRoot }
        await loadOnce()
        guard let freeze = liveRecord.lock else { return nil }
        liveRecord.lock = nil
        saveLive()
        return freeze
    }
}
