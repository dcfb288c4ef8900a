import AdminAPI
import AdminClient
import Core
import Foundation
import Glibc
import Linux
import Model

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
            directory: root, flags: flags, environment: environment,
            workingDirectory: FileManager.default.currentDirectoryPath, isTransient: true)
        let plans = try StartAction(request: request).prepare()
        let log = try openFile(
            "\(plans.core.instanceDirectory)/passenger.log", flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        let report = try Daemon.launch(plans.supervisor, log: log.number)
        if case .failed(let reason, _) = try Daemon.waitForReport(report) { throw StartError(reason) }
        let record = try readFile("\(plans.core.instanceDirectory)/instance.json")
        return Target(
            instance: try WireJSON.decode(InstanceRecord.self, from: record), app: plans.core.appName)
    }

    /// An empty or new directory becomes a deploy root, also one that has its settings already; any other is left alone.
    private static func makeRoot(_ root: String) throws {
        let marker = "\(root)/.passenger"
        if access(marker, F_OK) == 0 { return }
        let files = FileManager.default
        let settings: Set = ["Passengerfile.json", "Passengerfile.yml"]
        if let names = try? files.contentsOfDirectory(atPath: root), !settings.isSuperset(of: names) {
            throw StartError(
                "\(root) is not empty, and no deploy root", hint: "Name a new or an empty directory with --root.",
                exitCode: 2)
        }
        // One that is there keeps its owner, who may be another user than the one that starts servers.
        if access(root, F_OK) != 0 { try InstanceFiles.make(root, mode: 0o755) }
        // As the root's owner, so that the deploy user can work in it.
        var status = stat()
        guard stat(root, &status) == 0 else { throw SystemError(call: "stat", errno: errno, subject: root) }
        guard mkdir(marker, 0o700) == 0 else { throw SystemError(call: "mkdir", errno: errno, subject: marker) }
        if geteuid() == 0, lchown(marker, status.st_uid, status.st_gid) != 0 {
            throw SystemError(call: "chown", errno: errno, subject: marker)
        }
    }
}
