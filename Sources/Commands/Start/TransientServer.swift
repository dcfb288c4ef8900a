import AdminAPI
import AdminClient
import Core
import Foundation
import Glibc
import Linux
import Model
import Releases

/// A core without a gateway, for one `deploy` while no server runs: the same code makes the release, which ends sealed
/// and pending; `start` goes on from there. It ends by itself after the operation, whether or not its command still
/// follows.
enum TransientServer {
    static func start(root: String, repo: String?, environment: [String: String]) throws -> Target {
        do {
            return try launch(root: root, repo: repo, environment: environment)
        } catch let error as StartError {
            throw ControlError(error)
        }
    }

    private static func launch(root: String, repo: String?, environment: [String: String]) throws -> Target {
        try makeRoot(root)
        var flags = ["instance-name": "deploy-\(getpid())"]
        if let repo { flags["deploy-repo"] = repo }
        let request = StartRequest(
            directory: root, flags: flags, environment: ServiceVariables.removed(from: environment),
            workingDirectory: FileManager.default.currentDirectoryPath, isTransient: true)
        let plans = try StartAction(request: request).prepare()
        // The core's user may add to the directory by now: what it put there under this name is not for us to write to.
        let path = "\(plans.core.instanceDirectory)/passenger.log"
        unlink(path)
        let log = try openFile(
            path, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND, mode: 0o600)
        let report = try Daemon.launch(plans.supervisor, log: log.number)
        if case .failed(let reason, _) = try Daemon.waitForReport(report) { throw StartError(reason) }
        let record = try readFile("\(plans.core.instanceDirectory)/instance.json")
        return Target(
            instance: try WireJSON.decode(InstanceRecord.self, from: record), app: plans.core.apps[0].name)
    }

    /// It would end by itself a little later; whoever types `passenger start` next is not to meet it.
    static func end(_ instance: InstanceRecord) {
        // Gone already, or busy with something new: both are fine.
        guard (try? AdminClient(socketPath: instance.adminSocket).stop(StopRequest())) != nil else { return }
        instance.waitUntilGone(within: .seconds(5))
    }

    /// An empty or new directory becomes a deploy root, also one that has its settings already, and one that Capistrano has deployed
    /// to; any other is left alone.
    private static func makeRoot(_ root: String) throws {
        if Paths.isDeployRoot(root) { return }
        let settings: Set = ["Passengerfile.json", "Passengerfile.yml"]
        let names = try? FileManager.default.contentsOfDirectory(atPath: root)
        if let names, !settings.isSuperset(of: names), case .unfit(let reason) = try FutureRoot(root).look() {
            throw StartError(
                "\(root) is not empty, and no deploy root: \(reason)",
                hint: "Name a new or an empty directory with --root.", exitCode: 2)
        }
        if mkdir(root, 0o755) != 0, errno != EEXIST { throw SystemError(call: "mkdir", errno: errno, subject: root) }
        try FutureRoot(root).mark()
    }
}
