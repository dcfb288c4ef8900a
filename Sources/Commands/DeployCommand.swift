import AdminAPI
import AdminClient
import AppConfig
import ArgumentParser
import Glibc
import Model
import Releases

struct DeployCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy", abstract: "Deploy a version: build, prove, switch, watch.",
        discussion: "Ctrl-C leaves the deploy running; passenger deploys attach N returns to it.")

    @Argument(help: "Branch, tag or commit (default: the pipeline's commit in CI, else the configured branch).")
    var ref: String?

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    @Option(help: ArgumentHelp("Repository to deploy from, instead of the configured one.", valueName: "url"))
    var repo: String?

    @Option(
        help: ArgumentHelp(
            "Deploy a tar archive, compressed or not, instead of a commit; - is standard input.", valueName: "file"))
    var archive: ArchiveFile?

    @Option(help: ArgumentHelp("How long to watch after the switch, such as 60s.", valueName: "time"))
    var bake: TimeSpan?

    @Option(help: ArgumentHelp("Give it a part of the traffic first, such as 5%.", valueName: "percent"))
    var canary: Percent?

    @Flag(help: "Deploy a commit that was rolled back from before.")
    var force = false

    @Flag(help: "Deploy a commit that is older than the live one.")
    var allowOlder = false

    @Flag(help: "Fetch, and print what would be done; exit status 4 when something speaks against it.")
    var dryRun = false

    @Flag(help: "When the repository cannot be reached, deploy from what was fetched before.")
    var mirrored = false

    @Flag(help: "Return when the deploy is accepted.")
    var detach = false

    @Flag(help: "Wait for a running operation, instead of being refused.")
    var wait = false

    @Flag(help: "Wait for a running operation, in the place of deploys that wait already.")
    var queueLatest = false

    @Option(help: ArgumentHelp("Return when it is switched, or when it is stable (the default).", valueName: "point"))
    var until = Point.stable

    enum Point: String, ExpressibleByArgument, CaseIterable { case switched, stable }

    @Flag(name: .shortAndLong, help: "Show what commands write, also off a terminal.")
    var verbose = false

    @Option(help: ArgumentHelp("Deploy on another host, over ssh.", valueName: "user@host"))
    var host: String?

    @Option(name: .customLong("ci"), help: .hidden)
    var pipeline: [PipelineVariable] = []

    func validate() throws {
        if target.app != nil && target.root != nil {
            throw ValidationError("--app and --root both name the app: give one of them.")
        }
        if dryRun && (detach || wait || queueLatest) {
            throw ValidationError("--dry-run begins nothing: there is nothing to detach from, or to wait for.")
        }
        if dryRun && host != nil { throw ValidationError("--dry-run tells of this host's server, not of another's.") }
        if archive != nil && (ref != nil || repo != nil) {
            throw ValidationError("An archive is all of a version: leave out REF and --repo.")
        }
        if dryRun && archive != nil { throw ValidationError("--dry-run tells of a commit, not of an archive.") }
        if wait && queueLatest { throw ValidationError("--wait and --queue-latest: give one of them.") }
    }

    func run() throws {
        let context = CommandContext(global)
        if let host { return try deploy(on: RemoteHost(host), context) }
        if dryRun, let preview = try takeoverPreview(context) { return try preview.show(context) }
        let server = try findServer(context)
        let app = try AppTarget(server)
        if dryRun { return try showPlan(server, app, context) }
        var request = request(context)
        if let archive {
            request.ref = try archive.open { try app.client.sendArchive(app.app, from: $0) }.commit
            request.archive = true
        }
        let accepted = try app.client.deploy(app.app, request)
        if detach { return try OperationAnswer(context: context).tell(accepted) }
        var follower = OperationFollower(context: context, target: app, accepted: accepted, showsOutput: verbose)
        follower.leavesAtSwitch = until == .switched
        if server.instance.isTransient { follower.whenFinished = { TransientServer.end(server.instance) } }
        try follower.run()
    }

    private func showPlan(_ server: Target, _ app: AppTarget, _ context: CommandContext) throws {
        defer { if server.instance.isTransient { TransientServer.end(server.instance) } }
        let plan = try app.client.plan(app.app, request(context))
        if global.json {
            try context.console.json(plan)
        } else {
            context.console.lines(PlanText(traits: context.console.output).lines(plan))
        }
        if !plan.obstacles.isEmpty { throw ExitCode(ErrorCode.refused.exitStatus) }
    }

    private func deploy(on host: RemoteHost, _ context: CommandContext) throws {
        let remote = RemoteDeploy(self, context: context)
        let run = { (input: Int32?) in
            var operation = try RemoteOperation(
                remote.words, on: host, target: remote.target, input: input, showsOutput: verbose, context: context)
            operation.leavesAtSwitch = until == .switched
            try operation.run()
        }
        guard let archive else { return try run(nil) }
        try archive.open { try run($0) }
    }

    private func request(_ context: CommandContext) -> DeployRequest {
        var request = DeployRequest()
        let ref = self.ref ?? (archive == nil ? context.pipelineCommit : nil)
        request.ref = ref
        request.repo = repo.map(Paths.repository)
        request.canaryPercent = canary?.value
        request.force = force
        request.allowOlder = allowOlder
        request.mirrored = mirrored
        request.queueLatest = queueLatest
        request.wait = wait
        request.bakeSeconds = bake?.duration.inSeconds
        let command = ["passenger", "deploy", ref ?? archive.map { "--archive \($0.path)" }].compactMap { $0 }.joined(
            separator: " ")
        request.origin = RequestOrigin(command: command, environment: context.environment, told: pipeline)
        return request
    }

    /// The server of the app; a passing one when none runs and the directory can be deployed to.
    private func findServer(_ context: CommandContext) throws -> Target {
        do throws(ControlError) {
            return try context.target(target)
        } catch {
            let mayStart = error.code == .notRunning && target.app == nil && global.instance == nil
            guard mayStart else { throw error }
            if let server = servedThroughCurrent(context) {
                return try Changeover(server: server, root: root).run(context)
            }
            guard try repo != nil || archive != nil || Paths.isDeployRoot(root) || saysItsRepository else {
                throw ControlError(
                    .notRunning, "\(root) is neither served by a running server nor a deploy root.",
                    hint: "Make one: passenger deploy --root DIR --repo URL", details: [error.message])
            }
            return try TransientServer.start(
                root: root, repo: repo.map(Paths.repository), environment: context.environment)
        }
    }

    /// A root of Capistrano's knows where it was deployed from, or has a file that says where it is now.
    private var saysItsRepository: Bool {
        get throws {
            guard access(root, R_OK | X_OK) == 0, case .takeover(let found) = try FutureRoot(root).look() else {
                return false
            }
            if case .unusable(let reason) = found.repository, !hasSettings {
                throw ControlError(.usage, "\(root): \(reason).", hint: "passenger deploy --root \(root) --repo URL")
            }
            return hasSettings || found.repository.url != nil
        }
    }

    private var hasSettings: Bool {
        ["Passengerfile.yml", "Passengerfile.json"].contains { access("\(root)/\($0)", F_OK) == 0 }
    }

    /// Also from inside a release.
    private var root: String { AppLocation.root(of: Paths.resolved(target.root ?? ".")) }

    /// A server that serves, in place, what the root's `current` leads to: as Capistrano's users have it.
    private func servedThroughCurrent(_ context: CommandContext) -> InstanceRecord? {
        guard !Paths.isDeployRoot(root) else { return nil }
        return context.registry.instances().first { server in server.apps.contains { $0.root == "\(root)/current" } }
    }

    /// `--dry-run` of a deploy that would take a root over first; nil when it would not.
    private func takeoverPreview(_ context: CommandContext) throws -> TakeoverPreview? {
        // What is served as it is may be nobody's to look into but the server's.
        guard target.app == nil, global.instance == nil, (try? context.target(target)) == nil,
            !Paths.isDeployRoot(root), access(root, F_OK) == 0,
            case .takeover(let found) = try FutureRoot(root).look()
        else { return nil }
        return TakeoverPreview(
            found, root: root, server: servedThroughCurrent(context)?.name, repository: repo.map(Paths.repository))
    }
}
