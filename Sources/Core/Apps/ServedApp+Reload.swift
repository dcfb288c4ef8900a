import AdminAPI
import Deploys
import Glibc
import Model
import Pool

extension ServedApp {
    enum Reloaded: Sendable {
        case unchanged
        case restarting(OperationAccepted)
        /// It goes on as it was.
        case failed(String)
    }

    /// The server file says something else of it, or its own files do, or neither: a new generation only if that would be
    /// another than the live one.
    func reload() async -> Reloaded {
        // Its files are read when it is wanted.
        guard isStarted else { return .unchanged }
        guard pool.snapshot(of: index)?.generations.isEmpty == false else {
            Task { await start() }
            return .unchanged
        }
        let requester = Requester(uid: serverUser, pid: getpid(), user: nil, command: "passenger reload")
        do throws(OperationRefusal) {
            let request = Deploys.RestartRequest(reason: "the configuration changed", requester: requester)
            guard let handle = try await operations.restartIfChanged(request) else { return .unchanged }
            log(handle)
            // Where its restart.txt lies may be another.
            Task {
                _ = await handle.outcome()
                watchers?.watch(self)
            }
            return .restarting(OperationAccepted(app: name, operation: OperationID(handle), deploy: handle.deploy))
        } catch {
            return .failed("\(error)")
        }
    }
}
