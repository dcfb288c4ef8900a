import AdminServer
import AppConfig
import Linux
import Logging
import Model
import NIOCore
import NIOPosix
import Spawning
import TLS

/// The admin API over TCP: its certificate, and the tokens that are good for it. Both files are looked at every second, so that
/// a token that is taken out of its file is good for nothing from then on.
struct RemoteAdmin: Sendable {
    let access: RemoteAccess
    let scheme: String
    private let certificates: CertificateKeeper?
    private let tokens: TokenFile
    private let state: Shared<State>
    private let threads: NIOThreadPool
    private let logger: Logger

    private struct State {
        var stamp: FileStamp?
        var problem: TokenProblem?
    }

    init(
        _ settings: RemoteAdminSettings, owners: Set<UInt32>, serverUser: UInt32, link: SupervisorLink,
        threads: NIOThreadPool, logger: Logger
    ) async throws {
        self.threads = threads
        self.logger = logger
        var keeper: CertificateKeeper?
        if let certificate = settings.certificate {
            var tls = TLSSettings()
            tls.listen = [settings.listen]
            tls.certificates = [certificate]
            tls.http2 = false
            keeper = try await CertificateKeeper(tls, link: link, threads: threads, logger: logger)
        }
        certificates = keeper
        scheme = keeper == nil ? "http" : "https"
        let secure = keeper.map { keeper -> RemoteAccess.Secure in
            { channel in
                try keeper.store.addHandlers(to: channel) { result in
                    if case .failure = result { channel.close(promise: nil) }
                }
            }
        }
        access = RemoteAccess(serverUser: serverUser, secure: secure)
        tokens = TokenFile(path: settings.tokens, source: SupervisedCertificates(link: link), owners: owners)
        state = Shared(State())
        try await threads.runIfActive { [self] in look() }
    }

    func startWatching(_ group: any EventLoopGroup) {
        certificates?.startWatching(group)
        group.any().scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { [self] _ in
            threads.submit { state in
                if case .active = state { look() }
            }
        }
    }

    /// For `status`.
    var warnings: [String] {
        let problem = state.withLock { $0.problem }
        return (problem.map { [sentence($0)] } ?? []) + (certificates?.warnings ?? [])
    }

    private func sentence(_ problem: TokenProblem) -> String {
        "admin_tokens: \(tokens.path): \(problem): nobody gets in by a token"
    }

    /// A file that is wrong lets nobody in: what was taken out of it may be what is wrong with it.
    private func look() {
        let stamp = tokens.stamp()
        guard stamp == nil || stamp != state.withLock({ $0.stamp }) else { return }
        let result = tokens.read()
        let (table, problem): (TokenTable, TokenProblem?) =
            switch result {
            case .success(let table): (table, nil)
            case .failure(let problem): (TokenTable(), problem)
            }
        access.use(table)
        let before = state.withLock { state in
            defer { state = State(stamp: stamp, problem: problem) }
            return state
        }
        if let problem, problem != before.problem { logger.error("\(sentence(problem))") }
        if problem == nil {
            let count = table.holders.count
            logger.info("admin_tokens: \(count) \(count == 1 ? "token is" : "tokens are") good")
        }
    }
}
