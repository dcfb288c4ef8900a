import AdminAPI
import AdminServer
import Linux
import Logging
import Model
import NIOPosix
import Spawning

// How this core is asked, and told what to do.
extension Core {
    func startAdmin(
        _ certificates: CertificateKeeper?, _ reload: ConfigurationReload, _ collector: MetricsCollector,
        _ remote: RemoteAdmin?
    ) -> (server: AdminServer, task: Task<Void, Never>) {
        let requestShutdown = self.requestShutdown
        let plane = CoreControlPlane(
            plans: plans, table: table, pool: pool, archives: ArchiveClient(tools: tools), certificates: certificates,
            remote: remote,
            supervisorPid: inheritance.supervisorPid, reload: reload, upgrades: upgrades,
            listeners: { [self] in (try? boundAddresses()) ?? [] }, adminAddress: remote.flatMap { adminAddress($0) },
            controlGroupNote: inheritance.controlGroupNote, collector: collector, startedAt: startedAt.wall,
            phase: { [phase] in phase.withLock { $0 } },
            shutDown: { requestShutdown.yield($0) })
        let server = AdminServer(
            controlPlane: plane, access: AccessPolicy(instanceUsers: [plan.ownUser]), logger: logger)
        remote?.startWatching(group)
        let files = remote == nil ? nil : dashboardFiles()
        let task = Task { [group] in
            await withDiscardingTaskGroup { tasks in
                if let socket = inherited(Self.adminListener) {
                    tasks.addTask { await self.keep { try await server.run(listener: socket, group: group) } }
                }
                if let remote, let socket = inherited(Self.remoteAdminListener) {
                    tasks.addTask {
                        await self.keep {
                            try await server.run(remote: socket, remote.access, dashboard: files, group: group)
                        }
                    }
                }
            }
        }
        return (server, task)
    }

    private func dashboardFiles() -> DashboardFiles? {
        func text(_ name: String) throws -> String {
            String(decoding: try readFile("\(plan.templateDirectory)/dashboard/\(name)"), as: UTF8.self)
        }
        do {
            return DashboardFiles(
                page: try text("page.html"), style: try text("style.css"), script: try text("script.js"))
        } catch {
            logger.warning("admin: there is no dashboard: \(error)")
            return nil
        }
    }

    private static let adminListener = "admin"
    private static let remoteAdminListener = "admin-tcp"

    func makeRemoteAdmin() async throws -> RemoteAdmin? {
        guard let settings = plan.server.remoteAdmin, !plan.isTransient else { return nil }
        return try await RemoteAdmin(
            settings, owners: [0, plan.ownUser, plan.coreUser], serverUser: plan.ownUser, link: link, threads: threads,
            logger: logger)
    }

    private func adminAddress(_ remote: RemoteAdmin) -> String? {
        guard case .tcp(let host, _) = plan.server.remoteAdmin?.listen,
            let socket = inherited(Self.remoteAdminListener),
            let port = try? boundPort(socket)
        else { return nil }
        return "\(remote.scheme)://\(ListenAddress.tcp(host: host, port: Int(port)))"
    }

    private func inherited(_ name: String) -> Int32? {
        let socket = inheritance.listeners.first { $0.name == name }?.descriptor
        if socket == nil { logger.error("admin: the listener \(name) was not handed over") }
        return socket
    }

    private func keep(_ serve: () async throws -> Void) async {
        do {
            try await serve()
        } catch is CancellationError {
        } catch {
            logger.error("admin: \(error)")
        }
    }
}
