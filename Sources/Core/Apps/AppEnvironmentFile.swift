import AdminAPI
import AppConfig
import Deploys
import Logging
import Model
import Releases

/// `passenger env`: changes the env file of a deploy root, and proves the change in a new generation. One that cannot be
/// booted is taken back.
struct AppEnvironmentFile: Sendable {
    let app: ServedApp
    private let builder: BuilderClient
    private let place: ConfigPlace

    init(_ app: ServedApp) throws(ControlError) {
        guard let builder = app.builder else {
            throw ControlError(
                .refused, "\(app.name) is served in place: its env file is in nobody's care but yours.",
                hint: "Edit it, and then: passenger restart \(app.name)")
        }
        self.app = app
        self.builder = builder
        place = ConfigPlace(source: .releaseFile("\(app.root)/shared/.env"))
    }

    func show(values: Bool) async throws(ControlError) -> EnvironmentAnswer {
        let file = try await file()
        let variables = try parse(file.text ?? "")
        var answer = EnvironmentAnswer(app: app.name, version: file.version, names: variables.keys.sorted())
        if values {
            answer.values = variables
            answer.text = file.text
        }
        return answer
    }

    func change(_ request: EnvironmentRequest, by requester: Requester) async throws(ControlError) -> EnvironmentChange
    {
        let before = try await file()
        if request.text != nil, request.replacing != before.text {
            throw ControlError(
                .refused, "The env file was changed by somebody else in the meantime.",
                hint: "Look at it, and edit it again.")
        }
        var text = request.text ?? ""
        if request.text == nil { text = try edited(before.text ?? "", request) }
        _ = try parse(text)
        guard text != before.text else { return EnvironmentChange(app: app.name, version: nil) }
        return try await put(text, over: before, by: requester)
    }

    /// Puts an earlier version in force and has an operation done; after its good end a restart makes the file the workers'.
    func restoring(
        _ version: Int, by requester: Requester, _ begin: () async throws(ControlError) -> OperationAccepted
    ) async throws(ControlError) -> OperationAccepted {
        let before = try await file()
        let earlier: EnvironmentText
        do throws(DeployFailure) { earlier = try await builder.environment(version: version) } catch {
            throw ControlError(
                error.code == .noTarget ? .refused : .failed, "Nothing is rolled back: \(error).", hint: error.hint)
        }
        guard let text = earlier.text, text != before.text else { return try await begin() }
        let written = try await write(text, over: before)
        do throws(ControlError) {
            let accepted = try await begin()
            Task { await prove(written, after: accepted, by: requester) }
            return accepted
        } catch {
            await takeBack(written, error.message)
            throw error
        }
    }

    private func prove(_ version: Int, after accepted: OperationAccepted, by requester: Requester) async {
        guard let number = OperationNumber(accepted.operation),
            let handle = await app.operations.attach(operation: number)
        else { return await takeBack(version, "\(accepted.operation) is not to be found") }
        await judge(handle, version)
        guard await handle.outcome()?.result == .done else { return }
        do throws(OperationRefusal) {
            let restart = try await app.operations.restart(
                RestartRequest(reason: "\(requester.command): version \(version) of the env file", requester: requester)
            )
            app.log(restart)
            await judge(restart, version)
        } catch { await takeBack(version, "\(error)") }
    }

    func takeBack(_ version: Int, _ reason: String) async {
        do throws(DeployFailure) {
            _ = try await builder.takeBackEnvironment(version: version)
            app.logger.warning("app \(app.name): the env file before version \(version) is in force again: \(reason)")
        } catch {
            app.logger.error("app \(app.name): the env file before version \(version) could not be put back: \(error)")
        }
    }

    private func put(
        _ text: String, over before: EnvironmentText, by requester: Requester
    ) async throws(ControlError) -> EnvironmentChange {
        let overview = await app.operations.overview()
        if let running = overview.running {
            throw ControlError(
                .refused, "\(OperationRefusal.busy(running))",
                hint: "Wait for it, or stop it with `passenger deploys abort`.")
        }
        let version = try await write(text, over: before)
        guard overview.live != nil else { return EnvironmentChange(app: app.name, version: version) }
        let handle: OperationHandle
        do throws(OperationRefusal) {
            handle = try await app.operations.restart(RestartRequest(reason: requester.command, requester: requester))
        } catch {
            await takeBack(version, "\(error)")
            throw ControlError(error)
        }
        app.log(handle)
        Task { await judge(handle, version) }
        return EnvironmentChange(app: app.name, version: version, operation: OperationID(handle))
    }

    /// What is not proved does not stay, whatever the reason.
    private func judge(_ handle: OperationHandle, _ version: Int) async {
        guard let outcome = await handle.outcome(), outcome.result != .done else { return }
        await takeBack(version, outcome.summary)
    }

    private func write(_ text: String, over before: EnvironmentText) async throws(ControlError) -> Int {
        let keep = app.plan.settings.deploy.keepReleases + 1
        let written = try await asked { () async throws(DeployFailure) in
            try await builder.writeEnvironment(text, replacing: before.text, keep: keep)
        }
        guard let version = written.version else { throw ControlError(.internalError, "The env file has no version.") }
        return version
    }

    /// The one that is the app's: another place was chosen by whoever wrote `env_file`, and is not this command's.
    private func file() async throws(ControlError) -> EnvironmentText {
        let own = "\(app.root)/shared/.env"
        if let path = await app.operations.liveSettings()?.envFile, path != own {
            throw ControlError(
                .refused, "The env file of \(app.name) is \(path), by its setting env_file.",
                hint: "Edit it, and then: passenger restart \(app.name)")
        }
        return try await asked { () async throws(DeployFailure) in try await builder.environment(version: nil) }
    }

    private func asked<Value>(_ body: () async throws(DeployFailure) -> Value) async throws(ControlError) -> Value {
        do throws(DeployFailure) { return try await body() } catch {
            throw ControlError(.failed, "\(error)", hint: error.hint)
        }
    }

    private func edited(_ text: String, _ request: EnvironmentRequest) throws(ControlError) -> String {
        do throws(ConfigError) {
            return try DotEnv.edited(text, setting: request.set, removing: Set(request.unset), at: place)
        } catch { throw usage(error) }
    }

    private func parse(_ text: String) throws(ControlError) -> [String: String] {
        do throws(ConfigError) { return try DotEnv.parse(text, at: place) } catch { throw usage(error) }
    }

    /// Its problems name lines and variables, and no values.
    private func usage(_ error: ConfigError) -> ControlError {
        ControlError(.usage, error.problems.first.map(\.description) ?? "The env file cannot be read.")
    }
}
