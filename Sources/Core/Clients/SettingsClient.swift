import AppConfig
import Deploys
import Foundation
import Glibc
import Model
import Spawning
import Synchronization

/// Reads an app's configuration through `passenger _inspect`, which runs as the app's user: the core may have no right to
/// look into the app's directory, and parses nothing that a stranger to it wrote.
final class SettingsClient: SettingsReading {
    private static let timeLimit = Duration.seconds(30)

    let tools: Tools
    private let plan: Shared<AppPlan>
    var app: AppPlan { plan.withLock { $0 } }
    private let lastFailure = Mutex<DeployFailure?>(nil)
    private let latest = Mutex<LoadedApp?>(nil)
    private let shell = Mutex<(variables: [String: String]?, problem: String?)>((nil, nil))
    private let secrets = Mutex<(values: Set<String>, mask: SecretMask)>(([], SecretMask()))
    private let lastRelease = Mutex<ReleaseLocation?>(nil)

    init(tools: Tools, plan: Shared<AppPlan>) {
        self.tools = tools
        self.plan = plan
    }

    /// Variables of the env file, as last read: current truth, which does not travel back with a rollback.
    var fileVariables: [String: String] { latest.withLock { $0?.fileVariables ?? [:] } }
    /// Of every env file that was read: what was a secret yesterday is not for today's journal.
    var mask: SecretMask { secrets.withLock { $0.mask } }
    var watchesSources: Bool { latest.withLock { $0?.settings.watchesSources } ?? app.settings.watchesSources }
    var restartDirectory: String { latest.withLock { $0?.settings.restartDirectory } ?? app.settings.restartDirectory }
    /// What the app's processes start from: what the server inherited, or what a login shell made of it.
    var inheritedVariables: [String: String] { shell.withLock { $0.variables } ?? tools.plan.environment }
    var warnings: [String] {
        let problem = shell.withLock { $0.problem }
        return latest.withLock { $0?.warnings.map(\.description) ?? [] } + [problem].compactMap { $0 }
    }

    /// Why the app could not be started; nil again once its configuration has been read.
    var failure: DeployFailure? { lastFailure.withLock { $0 } }
    func failed(_ failure: DeployFailure) { lastFailure.withLock { $0 = failure } }

    func settings(release: ReleaseLocation?) async throws(DeployFailure) -> AppSettings {
        let location = app.location
        let root = location.isDeployRoot ? location.path : nil
        let loaded = try await inspect(directory: release?.directory ?? location.path, root: root)
        lastFailure.withLock { $0 = nil }
        latest.withLock { $0 = loaded }
        secrets.withLock { secrets in
            guard !secrets.values.isSuperset(of: loaded.fileVariables.values) else { return }
            // Bounded, whatever is done to the file.
            secrets.values = (secrets.values.count > 2000 ? [] : secrets.values).union(loaded.fileVariables.values)
            secrets.mask = SecretMask(secrets.values)
        }
        await askShell(loaded.settings)
        if let release { lastRelease.withLock { $0 = release } }
        return loaded.settings
    }

    func preview(release: ReleaseLocation?) async throws(DeployFailure) -> SettingsPreview {
        let location = app.location
        let root = location.isDeployRoot ? location.path : nil
        let loaded = try await inspect(directory: release?.directory ?? location.path, root: root)
        return SettingsPreview(
            settings: loaded.settings, changesVariables: loaded.fileVariables != fileVariables)
    }

    /// The root's own files are read with those of a release, so the last release whose files were good stands for them;
    /// before the first one, what the server was started with.
    func deploySettings() async throws(DeployFailure) -> DeploySettings {
        guard let release = lastRelease.withLock({ $0 }), access(release.directory, F_OK) == 0 else {
            return app.settings.deploy
        }
        return try await settings(release: release).deploy
    }

    func keepShell(_ variables: [String: String]?, _ problem: String?) { shell.withLock { $0 = (variables, problem) } }

    private func inspect(directory: String, root: String?) async throws(DeployFailure) -> LoadedApp {
        let plan = tools.plan
        let app = self.app
        let request = InspectRequest(
            directory: directory, root: root, name: app.name, flags: plan.flags, environment: plan.environment,
            workingDirectory: plan.workingDirectory, operatorLayers: app.app.operatorLayers)
        let (end, lines) = await run(try Self.encode(request))
        guard end.isSuccess || !lines.stdout.isEmpty else {
            throw DeployFailure(
                .configuration, "the configuration could not be read: \(end)",
                outputTail: Array(lines.stderr.suffix(50)))
        }
        let answer = try Self.decode(lines.stdout.joined(separator: "\n"))
        var loaded: LoadedApp
        do throws(ConfigError) {
            loaded = try ConfigLoader.judge(answer, of: request, server: app.settings)
        } catch {
            throw Self.failure(error)
        }
        // The users are the server's decision, made when it started.
        loaded.settings.users.user = app.users.workers
        loaded.settings.users.deployUser = app.users.deploys
        return loaded
    }

    private func run(_ request: String) async -> (ToolEnd, CollectedLines) {
        let collected = Shared(CollectedLines())
        let end = await withCheckedContinuation { (done: CheckedContinuation<ToolEnd, Never>) in
            let tool = tools.start(
                .tool, ["_inspect"], user: app.users.deploys, title: "\(app.name) inspect",
                line: { stream, line in collected.withLock { $0.append(stream, line) } },
                ended: { done.resume(returning: $0) })
            tool.write(request)
            tool.closeInput()
            tools.schedule(Self.timeLimit) { tool.signal(9) }
        }
        return (end, collected.withLock { $0 })
    }

    private static func encode(_ request: InspectRequest) throws(DeployFailure) -> String {
        guard let data = try? JSONEncoder().encode(request) else {
            throw DeployFailure(.internalError, "the inspection request could not be encoded")
        }
        return String(decoding: data, as: UTF8.self)
    }

    private static func decode(_ text: String) throws(DeployFailure) -> LoadedApp {
        guard let answer = try? JSONDecoder().decode(InspectAnswer.self, from: Data(text.utf8)) else {
            throw DeployFailure(.configuration, "the configuration could not be read", details: text)
        }
        if let app = answer.app { return app }
        throw failure(answer.error ?? ConfigError([]))
    }

    private static func failure(_ error: ConfigError) -> DeployFailure {
        let problems = error.problems
        return DeployFailure(
            .configuration, problems.first.map(\.description) ?? "the configuration is not usable",
            details: problems.dropFirst().map(\.description).joined(separator: "\n"))
    }
}

/// Both streams of a tool.
struct CollectedLines: Sendable {
    static let limit = 4096
    /// The tool runs as the app's user, who can make it say anything.
    static let mostBytes = 16 << 20
    private var bytes = 0
    var stdout: [String] = []
    var stderr: [String] = []

    mutating func append(_ stream: StandardStream, _ line: String) {
        bytes += line.utf8.count
        guard bytes <= Self.mostBytes else { return }
        switch stream {
        case .stdout where stdout.count < Self.limit: stdout.append(line)
        case .stderr where stderr.count < Self.limit: stderr.append(line)
        default: break
        }
    }
}

/// A mutex that closures can share.
final class Shared<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>
    init(_ value: Value) { mutex = Mutex(value) }
    /// Not for a closure: as an `inout` of a generic type it is wrapped and stored again each time, until so many wrappers call
    /// each other that the stack is used up.
    func withLock<Result>(_ body: (inout Value) -> sending Result) -> sending Result { mutex.withLock { body(&$0) } }
    var value: Value { mutex.withLock { $0 } }
    func replace(_ value: Value) { mutex.withLock { $0 = value } }
}
