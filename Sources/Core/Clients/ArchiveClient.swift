import AppConfig
import Deploys
import Model
import Releases
import Spawning

/// Has an archive taken into an app's mirror: by a child, as the deploy user, who is given the file and nothing else.
struct ArchiveClient: Sendable {
    /// Where `passenger _import-archive` finds the file.
    static let descriptor: Int32 = 3
    let tools: Tools

    /// The full id of the commit that it has become. The file stays the caller's.
    func take(_ file: Int32, into app: AppPlan) async throws(DeployFailure) -> String {
        let lines = Shared(CollectedLines())
        let running = Shared<ToolProcess?>(nil)
        let end = await withTaskCancellationHandler {
            await withCheckedContinuation { (done: CheckedContinuation<ToolEnd, Never>) in
                let tool = tools.start(
                    .builder, ["_import-archive", app.location.path], user: app.users.deploys,
                    title: "\(app.name) archive", descriptors: [(file, Self.descriptor)],
                    line: { stream, line in lines.withLock { $0.append(stream, line) } },
                    ended: { done.resume(returning: $0) })
                running.withLock { $0 = tool }
            }
        } onCancel: {
            // A client that went away; what was kept of its archive is a few objects that nothing names.
            running.withLock { $0 }?.signal(9)
        }
        let said = lines.withLock { $0 }
        let events = said.stdout.compactMap { try? BuilderWire.decode(BuilderEvent.self, from: Array($0.utf8)) }
        switch events.last {
        case .ok(.imported(let commit)): return commit.rawValue
        case .error(let failure): throw DeployFailure(failure)
        default:
            throw DeployFailure(.internalError, "the archive was not taken: \(end)", outputTail: said.stderr.suffix(50))
        }
    }
}
