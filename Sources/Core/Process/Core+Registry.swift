import AdminAPI
import AppConfig
import Linux
import Model
import Spawning

// How commands find this server.
extension Core {
    /// What is really listened on: port 0 has become a number by now.
    func boundAddresses() throws -> [String] {
        let server = plan.server
        return try bound(server.listen, .http) + bound(server.tls.listen, .https)
    }

    private func bound(_ addresses: [ListenAddress], _ scheme: ListenerName.Scheme) throws -> [String] {
        let listeners = self.listeners.withLock { $0 }
        return try addresses.map { address in
            let name = ListenerName(scheme, address).rawValue
            guard case .tcp(let host, 0) = address, let listener = listeners.first(where: { $0.name == name })
            else { return address.description }
            return ListenAddress.tcp(host: host, port: Int(try boundPort(listener.descriptor))).description
        }
    }

    func writeInstanceRecord(_ listeners: [String]) throws {
        let pid = inheritance.supervisorPid
        self.record.withLock { $0 = (isWritten: true, isDue: false) }
        let record = InstanceRecord(
            name: plan.server.instanceName, pid: pid, startTime: processStartTime(pid: pid) ?? 0,
            version: plan.programVersion, adminSocket: "\(plan.instanceDirectory)/admin.sock",
            apps: table.all.map { .init(name: $0.name, root: $0.root, isEntry: $0.plan.isEntry) }, listen: listeners)
        let bytes = try WireJSON.encode(record)
        try writeFileAtomically(directory: plan.instanceDirectory, name: "instance.json", bytes: bytes, mode: 0o644)
    }
}
