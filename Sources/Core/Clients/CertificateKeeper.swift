import Glibc
import Linux
import Logging
import Model
import NIOCore
import NIOPosix
import Spawning
import TLS

/// The server's certificates: read at the start, looked at every second, so that a renewal is used without anybody asking.
struct CertificateKeeper: Sendable {
    let store: CertificateStore
    private let logger: Logger
    private let threads: NIOThreadPool

    /// Without a listener that speaks TLS it reads nothing; a reload may bring one.
    init(_ settings: TLSSettings, link: SupervisorLink, threads: NIOThreadPool, logger: Logger) async throws {
        let settings = Self.used(settings)
        self.logger = logger
        self.threads = threads
        // Blocks for the supervisor's answers.
        store = try await threads.runIfActive {
            CertificateStore(
                settings, source: SupervisedCertificates(link: link), now: monotonicNow(), unixSeconds: wallSeconds())
        }
        for status in store.status(unixSeconds: wallSeconds()) {
            if let problem = status.problem { logger.error("certificate: \(problem)") }
            for warning in status.warnings { logger.warning("certificate \(status.files.chain): \(warning.sentence)") }
        }
    }

    typealias Prepared = CertificateStore.Prepared

    /// Reads what another configuration names.
    func prepare(_ settings: TLSSettings) async throws -> Prepared {
        let files = Self.used(settings).certificates
        return try await threads.runIfActive { [store] in
            store.prepare(files, now: monotonicNow(), unixSeconds: wallSeconds())
        }
    }

    func use(_ prepared: Prepared) { store.use(prepared) }

    private static func used(_ settings: TLSSettings) -> TLSSettings {
        var settings = settings
        if settings.listen.isEmpty { settings.certificates = [] }
        return settings
    }

    func startWatching(_ group: any EventLoopGroup) {
        let (store, threads, logger) = (self.store, self.threads, self.logger)
        group.any().scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            threads.submit { state in
                guard case .active = state else { return }
                let changes = store.poll(now: monotonicNow(), unixSeconds: wallSeconds())
                for files in changes.replaced { logger.info("certificate \(files.chain): the new one is used") }
                for problem in changes.problems { logger.error("certificate: \(problem); the one before stays") }
            }
        }
    }

    /// For `status`: why what is on disk is not what is used, and what will soon be wrong.
    var warnings: [String] {
        store.status(unixSeconds: wallSeconds()).flatMap { status in
            let problems = status.problem.map { ["certificate: \($0); the one before stays"] } ?? []
            return problems + status.warnings.map { "certificate \(status.files.chain): \($0.sentence)" }
        }
    }
}

extension CertificateStatus.Warning {
    fileprivate var sentence: String {
        switch self {
        case .expired: "it has expired"
        case .expiresSoon: "it expires within two weeks"
        case .notYetValid: "it is not valid yet"
        case .keyReadableByOthers: "its key can be read by other users of this machine"
        case .noNames: "it names no host, so no client's server name selects it"
        }
    }
}

private func wallSeconds() -> Int64 { Int64(time(nil)) }
