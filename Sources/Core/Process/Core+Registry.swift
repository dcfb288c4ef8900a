import AdminAPI
import AppConfig
import Linux
import Model
import Spawning

// How commands find this server.
extension Core {
    /// What is really listened on: port 0 has become a number by now.
    func boundAddresses() throws -> [String] {
        try bound(plan.server.listen, "http") + bound(plan.server.tls.listen, "https")
    }

    private func bound(_ addresses: [ListenAddress], _ scheme: String) throws -> [String] {
        try addresses.enumerated().map { index, address in
            guard case .tcp(let host, 0) = address,
                let listener = inheritance.listeners.first(where: { $0.name == "\(scheme)-tcp:\(index)" })
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
            apps: table.all.map { .init(name: $0.name, root: $0.root) }, listen: listeners)
        let bytes = try WireJSON.encode(record)
        try writeFileAtomically(directory: plan.instanceDirectory, name: "instance.json", bytes: bytes, mode: 0o644)
    }
}
