import Glibc
import Linux
import Model

extension ServiceEnvironment {
    func arrived() -> [ArrivedSocket] {
        sockets.map { socket in
            var address = listeningAddress(socket.descriptor)
            // Somebody has removed its file: nobody can connect.
            if case .unix(let path) = address, !isSocketFile(path) { address = nil }
            return ArrivedSocket(descriptor: socket.descriptor, name: socket.name, address: address)
        }
    }
}

private func isSocketFile(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
}

extension ListenerPlan {
    /// As `listeningAddress` spells it.
    var comparable: ListenerPlan {
        guard case .tcp(let host, let port) = address else { return self }
        var plan = self
        plan.address = .tcp(host: host == "localhost" ? "127.0.0.1" : canonicalAddress(host) ?? host, port: port)
        return plan
    }
}

extension Listeners {
    /// Listeners that are there already are used, the others are bound. What nobody wants is closed.
    init(
        _ plans: [ListenerPlan], users: [PolicyUser], arrived: [ArrivedSocket], log: SupervisorLog
    ) throws(ListenerFailure) {
        let matches = StoredSockets.match(arrived, with: plans.map(\.comparable))
        let used = Set(matches.values.flatMap { $0.map(\.descriptor) })
        for socket in arrived where !used.contains(socket.descriptor) {
            closeDescriptors([socket.descriptor])
            log.write(Self.explainUnwanted(socket))
        }
        try self.init(plans, users: users, given: matches)
        if !used.isEmpty { log.write("took over \(used.count) listening sockets from the service manager") }
    }

    private static func explainUnwanted(_ socket: ArrivedSocket) -> String {
        let what = "socket \(socket.descriptor) of the service manager (\(socket.name))"
        guard let address = socket.address else {
            return "\(what) is closed: it is no listener for streams that can be reached"
        }
        if StoredSockets.isOurs(socket.name) {
            return "\(what) is closed: \(address) is not in the configuration any more"
        }
        return "\(what) is closed: the configuration does not listen on \(address). Set 'address' and 'port', or "
            + "'socket_file', to what the socket unit has, or take it out of there"
    }
}
