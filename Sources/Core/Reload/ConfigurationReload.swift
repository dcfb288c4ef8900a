import AccessLog
import AdminAPI
import AppConfig
import Deploys
import Foundation
import Gateway
import Glibc
import HTTP1
import Linux
import Logging
import Model
import Pool
import Spawning
import TLS
import Telemetry

/// What the supervisor says about another configuration.
enum ReloadNews: Sendable {
    /// Of a plan that comes next.
    case listener(InheritedListener)
    case plan(ticket: UInt64, [UInt8])
    case refused(ticket: UInt64, reason: String)
}

/// Takes on another configuration, as a whole or not at all. Everything that could be in the way is looked at before the
/// supervisor is told that it is taken on; after that nothing fails, but for an app whose new generation does not boot and
/// which goes on as it was.
actor ConfigurationReload {
    private typealias Waiter = CheckedContinuation<Result<ReloadAnswer, ControlError>, Never>

    /// Each costs a process that reads an app's files.
    private static let appsAtOnce = 4

    private let core: Core
    /// Nil in a transient core, which takes nothing on.
    private let gateway: Gateway?
    private let roster: AppRoster
    private let certificates: CertificateKeeper?
    private let entries: DirectoryApps?
    private var lastTicket: UInt64 = 0
    private var waiters: [(ticket: UInt64, done: Waiter)] = []
    private var offered: [InheritedListener] = []

    init(
        core: Core, gateway: Gateway?, roster: AppRoster, certificates: CertificateKeeper?, entries: DirectoryApps?
    ) {
        self.core = core
        self.gateway = gateway
        self.roster = roster
        self.certificates = certificates
        self.entries = entries
    }

    /// The supervisor has the configuration read again; returns when it holds and apps that have to are being restarted.
    func ask() async throws(ControlError) -> ReloadAnswer {
        lastTicket += 1
        let ticket = lastTicket
        let result = await withCheckedContinuation { (done: Waiter) in
            waiters.append((ticket, done))
            do {
                try core.link.send(.requestReload(ticket: ticket))
            } catch {
                answer(ticket, .failure(ControlError(.failed, "The supervisor cannot be asked: \(error).")))
            }
        }
        return try result.get()
    }

    func follow(_ news: AsyncStream<ReloadNews>) async {
        for await news in news { await hear(news) }
    }

    private func hear(_ news: ReloadNews) async {
        switch news {
        case .listener(let listener): offered.append(listener)
        case .refused(let ticket, let reason):
            answer(ticket, .failure(core.phase.value == .retired ? .superseded : Self.refusal(reason)))
        case .plan(let ticket, let bytes):
            let listeners = offered
            offered = []
            do {
                let accepted = try await check(bytes)
                try core.link.send(.reloadAnswer(refusal: nil))
                answer(ticket, .success(await takeOn(accepted, listeners)))
            } catch {
                for listener in listeners { _ = Descriptor(owning: listener.descriptor) }
                // The supervisor writes it into the log.
                try? core.link.send(.reloadAnswer(refusal: "\(error)"))
                answer(ticket, .failure(Self.refusal("\(error)")))
            }
        }
    }

    private func answer(_ ticket: UInt64, _ result: Result<ReloadAnswer, ControlError>) {
        for waiter in waiters where waiter.ticket <= ticket { waiter.done.resume(returning: result) }
        waiters.removeAll { $0.ticket <= ticket }
    }

    private static func refusal(_ reason: String) -> ControlError {
        let lines = reason.split(separator: "\n").map(String.init)
        return ControlError(
            .refused, "Nothing was changed: \(lines.first ?? reason)", details: Array(lines.dropFirst()))
    }

    // MARK: Before

    private struct Accepted {
        var plan: CoreBootPlan
        var change: PlanChange
        var certificates: CertificateKeeper.Prepared?
        /// Nil: the one that is open stays.
        var accessLog: AccessLogWriter??
    }

    private struct Objection: Error, CustomStringConvertible {
        var description: String
    }

    private func check(_ bytes: [UInt8]) async throws -> Accepted {
        guard core.phase.withLock({ $0 }) == .serving else { throw Objection(description: "the server is not serving") }
        let plan = try CoreBootPlan.decode(bytes)
        let change = PlanChange(from: core.plan, to: plan)
        guard change.refusals.isEmpty else { throw Objection(description: change.refusals.joined(separator: "\n")) }
        let prepared = try await certificates?.prepare(plan.server.tls)
        if let problems = prepared?.problems, !problems.isEmpty {
            throw Objection(description: problems.map { "certificate: \($0)" }.joined(separator: "\n"))
        }
        let server = plan.server
        guard access(server.dataBufferDirectory, W_OK | X_OK) == 0 else {
            throw Objection(
                description: "'data_buffer_dir': nothing can be written in \(server.dataBufferDirectory): "
                    + SystemError.describe(errno))
        }
        return Accepted(plan: plan, change: change, certificates: prepared, accessLog: try openAccessLog(server))
    }

    private func openAccessLog(_ server: ServerSettings) throws -> AccessLogWriter?? {
        let now = core.plan.server
        guard server.accessLog != now.accessLog || server.accessLogFile != now.accessLogFile else { return nil }
        do throws(SystemError) {
            return .some(try core.makeAccessLog(server))
        } catch {
            throw Objection(description: "'access_log_file': \(error)")
        }
    }

    // MARK: After

    private func takeOn(_ accepted: Accepted, _ listeners: [InheritedListener]) async -> ReloadAnswer {
        let (plan, change) = (accepted.plan, accepted.change)
        core.logger.info("reload: another configuration holds")
        core.plans.withLock { $0 = plan }
        if let prepared = accepted.certificates { certificates?.use(prepared) }
        core.level.level = Logger.Level(number: plan.server.logLevel)
        // Of the only app it comes with its next generation, whose own file may have a say in it.
        if plan.servesMany { core.pool.setMaxPoolSize(plan.maxPoolSize) }
        if let log = accepted.accessLog { await gateway?.use(accessLog: log) }
        core.reopenLogs()
        await changeListeners(plan, listeners)
        await changeApps(plan, change)
        var answer = ReloadAnswer()
        let refused = core.table.refused
        for app in change.added {
            if let refusal = refused.first(where: { $0.name == app.name }) {
                answer.problems.append("app \(app.name) is not served: \(refusal.reason)")
            } else {
                answer.added.append(app.name)
            }
        }
        answer.removed = change.removed
        await restartChanged(&answer)
        do {
            answer.listeners = try core.boundAddresses()
            try core.writeInstanceRecord(answer.listeners)
        } catch {
            core.logger.error("commands do not find what has changed: \(error)")
        }
        answer.warnings = plan.warnings
        tell(answer)
        return answer
    }

    private func changeListeners(_ plan: CoreBootPlan, _ added: [InheritedListener]) async {
        guard let gateway else { return }
        let wanted = Set(
            plan.server.listen.map { ListenerName(.http, $0).rawValue }
                + plan.server.tls.listen.map { ListenerName(.https, $0).rawValue })
        let gone = core.listeners.withLock { listeners in
            let gone = listeners.map(\.name).filter { ListenerName.scheme($0) != nil && !wanted.contains($0) }
            listeners.removeAll { gone.contains($0.name) }
            listeners += added
            return gone
        }
        gateway.use(
            GatewaySettings(
                redirectPort: plan.redirectPort, trusted: AddressRanges(plan.server.trustedProxies),
                maxConnections: plan.server.maxConnections, serverField: plan.serverField,
                bufferDirectory: plan.server.dataBufferDirectory, bufferMemoryLimit: plan.server.bufferMemoryLimit,
                bufferDiskLimit: plan.server.bufferDiskLimit))
        do {
            try await gateway.open(core.gatewayListeners(added))
        } catch {
            core.logger.error("reload: a listener cannot be served: \(error)")
        }
        await gateway.close(Set(gone))
    }

    private func changeApps(_ plan: CoreBootPlan, _ change: PlanChange) async {
        for name in change.removed { Task { [roster] in await roster.drop(name) } }
        for app in change.takenOver { await roster.takeOver(app) }
        for app in change.kept { await roster.update(app) }
        if change.changesEntries, let directory = plan.directory { await entries?.update(directory) }
        for app in change.added { await roster.admit(app)?.startUnlessOnDemand() }
    }

    private func restartChanged(_ answer: inout ReloadAnswer) async {
        let left = Set(answer.added + answer.removed)
        let apps = core.table.all.filter { !left.contains($0.name) }
        await withTaskGroup(of: (AppName, ServedApp.Reloaded).self) { group in
            for (position, app) in apps.enumerated() {
                if position >= Self.appsAtOnce, let next = await group.next() { answer.note(next.0, next.1) }
                group.addTask { (app.name, await app.reload()) }
            }
            for await (name, result) in group { answer.note(name, result) }
        }
        answer.restarts.sort { $0.app < $1.app }
        answer.problems.sort()
    }

    private func tell(_ answer: ReloadAnswer) {
        for name in answer.added { core.logger.info("reload: app \(name) is new") }
        for restart in answer.restarts { core.logger.info("reload: app \(restart.app): \(restart.operation)") }
        for problem in answer.problems { core.logger.error("reload: \(problem)") }
        for warning in answer.warnings { core.logger.warning("\(warning)") }
        core.logger.info("reload: listening on \(answer.listeners.joined(separator: ", "))")
    }
}

extension ReloadAnswer {
    fileprivate mutating func note(_ app: AppName, _ result: ServedApp.Reloaded) {
        switch result {
        case .unchanged: break
        case .restarting(let accepted): restarts.append(accepted)
        case .failed(let reason): problems.append("app \(app) goes on as it was: \(reason)")
        }
    }
}
