import AppConfig
import Deploys
import Model
import Releases
import Spawning
import Synchronization

/// One release builder process: a request, its events, its answer; one at a time. When it has had nothing to do for a
/// while it is ended; the next request starts another.
final class BuilderSession: Sendable {
    private static let idleLimit = Duration.seconds(10)

    private struct State {
        var tool: ToolProcess?
        var answer: CheckedContinuation<Result<BuilderResult, DeployFailure>, Never>?
        var progress: ReleaseBuilding.NewsHandler?
        var note: (@Sendable (String) -> Void)?
        var errors: [String] = []
        /// Set before its input is closed: no request may come after that.
        var isOver = false
        /// How it ended, perhaps before it was ever asked.
        var end: ToolEnd?
        var requests = 0
    }
    private let tools: Tools
    private let state = Mutex(State())

    init(tools: Tools, app: AppPlan) {
        self.tools = tools
        let tool = tools.start(
            .builder, ["_build-release"], user: app.users.deploys, title: "\(app.name) builder",
            line: { [weak self] stream, line in self?.line(stream, line) },
            ended: { [weak self] in self?.ended($0) })
        state.withLock { $0.tool = tool }
    }

    var isOver: Bool { state.withLock { $0.isOver } }

    func ask(
        _ request: BuilderRequest, progress: @escaping ReleaseBuilding.NewsHandler,
        note: @escaping @Sendable (String) -> Void
    ) async -> Result<BuilderResult, DeployFailure> {
        await withCheckedContinuation { continuation in
            let tool: ToolProcess? = state.withLock { state in
                if state.isOver { return nil }
                state.answer = continuation
                state.progress = progress
                state.note = note
                state.requests += 1
                return state.tool
            }
            guard let tool else {
                let reason = state.withLock { $0.end.map { ": \($0)" } } ?? ""
                return continuation.resume(
                    returning: .failure(
                        DeployFailure(.internalError, "the release builder could not be started\(reason)")))
            }
            write(request, to: tool)
        }
    }

    /// Stops the request under way at its next safe point.
    func cancel() {
        guard let tool = state.withLock({ $0.answer == nil ? nil : $0.tool }) else { return }
        write(.cancel, to: tool)
    }

    private func write(_ request: BuilderRequest, to tool: ToolProcess) {
        // Encoding these plain values cannot fail.
        guard let line = try? BuilderWire.encode(request) else { return }
        tool.write(String(decoding: line, as: UTF8.self))
    }

    private func line(_ stream: StandardStream, _ line: String) {
        guard stream == .stdout else {
            return state.withLock { state in
                state.errors.append(line)
                if state.errors.count > 50 { state.errors.removeFirst() }
            }
        }
        guard let event = try? BuilderWire.decode(BuilderEvent.self, from: Array(line.utf8)) else { return }
        let (progress, note) = state.withLock { ($0.progress, $0.note) }
        switch event {
        case .fetchProgress(let received, _, let total, _):
            progress?(.progress(StepProgress(done: received, total: total, unit: "objects")))
        case .checkoutProgress(let files, let total, _, _):
            progress?(.progress(StepProgress(done: files, total: total, unit: "files")))
        case .note(let text): progress?(.notice(text))
        case .warning(let text):
            progress?(.warning(text))
            note?(text)
        case .ok(let result): answer(.success(result))
        case .error(let failure): answer(.failure(DeployFailure(failure)))
        }
    }

    private func answer(_ result: Result<BuilderResult, DeployFailure>) {
        let (continuation, count) = state.withLock { state in
            defer { state.answer = nil }
            return (state.answer, state.requests)
        }
        continuation?.resume(returning: result)
        tools.schedule(Self.idleLimit) { [self] in
            let tool = state.withLock { state in
                guard state.requests == count, state.answer == nil else { return ToolProcess?.none }
                state.isOver = true
                return state.tool
            }
            tool?.closeInput()
        }
    }

    private func ended(_ end: ToolEnd) {
        let (continuation, errors) = state.withLock { state in
            defer {
                state.answer = nil
                state.tool = nil
            }
            state.isOver = true
            state.end = end
            return (state.answer, state.errors)
        }
        continuation?.resume(
            returning: .failure(
                DeployFailure(.internalError, "the release builder ended: \(end)", outputTail: errors)))
    }
}

extension DeployFailure {
    /// The builder's codes in the words of the journal.
    init(_ failure: BuilderFailure) {
        let code: Code =
            switch failure.code {
            case .unknownRef, .ambiguousRef, .emptyRepository: .referenceUnknown
            case .unreachable, .timedOut: .unreachable
            case .authenticationFailed, .unsafeOwner, .damagedRepository, .git: .repository
            case .refusedTree, .submodule, .lfsPointer: .treeRefused
            case .noSpace: .diskFull
            case .notALink, .unusableRoot: .linkFailed
            case .noSuchRelease, .releaseInUse, .releaseExists: .releaseMissing
            case .noSuchVersion: .noTarget
            case .cancelled: .cancelled
            case .invalidRequest, .permissionDenied, .inputOutput: .internalError
            }
        self.init(code, failure.message, details: failure.path, hint: failure.hint)
    }
}
