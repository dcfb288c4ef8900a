import AdminAPI
import AdminClient
import Model

/// The command line of a deploy as another host is to run it. Paths and names are that host's.
struct RemoteDeploy {
    var ref: String?
    var target: [String]
    var options: [String]

    init(_ command: DeployCommand, context: CommandContext) {
        ref = command.ref ?? (command.archive == nil ? context.pipelineCommit : nil)
        target =
            RemoteDeploy.option("--app", command.target.app) + RemoteDeploy.option("--root", command.target.root)
            + RemoteDeploy.option("--instance", command.global.instance)
        options = RemoteDeploy.option("--repo", command.repo)
        // Whatever it is called here, it comes over the connection.
        if command.archive != nil { options.append("--archive=-") }
        if let bake = command.bake { options += ["--bake", "\(Int64(bake.duration.inMilliseconds))ms"] }
        if let canary = command.canary { options += ["--canary", "\(canary.value)"] }
        let flags = [
            (command.force, "--force"), (command.allowOlder, "--allow-older"), (command.mirrored, "--mirrored"),
            (command.wait, "--wait"),
            (command.queueLatest, "--queue-latest"), (command.detach, "--detach"),
        ]
        options += flags.filter(\.0).map(\.1)
        let found = Pipeline.found(in: context.environment)
        for name in found.keys.sorted() { options += RemoteDeploy.option("--ci", "\(name)=\(found[name] ?? "")") }
    }

    /// What begins with a dash must not become an option over there: `--` goes before it.
    var words: [String] {
        ["passenger", "deploy", "--json"] + target + options + (ref.map { ["--", $0] } ?? [])
    }

    private static func option(_ name: String, _ value: String?) -> [String] { value.map { ["\(name)=\($0)"] } ?? [] }
}
