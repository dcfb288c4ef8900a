import Glibc
import Linux
import Model

/// The server's listening sockets: bound and listening once, kept as long as the supervisor lives.
struct Listeners: ~Copyable {
    struct Socket {
        var name: String
        var index: UInt32
        var descriptor: Int32
        /// Of a Unix socket's file.
        var path: String?
        var origin = Origin.bound
    }

    typealias Origin = SupervisorState.Listener.Origin

    /// In the order of the plan, siblings one after another.
    private(set) var sockets: [Socket] = []

    deinit { closeDescriptors(sockets.map(\.descriptor)) }

    init(kept sockets: [Socket]) { self.sockets = sockets }

    /// `given`: sockets that are there already, by the names of their listeners.
    init(
        _ plans: [ListenerPlan], users: [PolicyUser], given: [String: [ArrivedSocket]] = [:]
    ) throws(ListenerFailure) { try add(plans, users: users, given: given) }

    /// Beside those that are there. When one cannot be had, none of these is kept.
    mutating func add(
        _ plans: [ListenerPlan], users: [PolicyUser], given: [String: [ArrivedSocket]] = [:]
    ) throws(ListenerFailure) {
        let isFirst = sockets.isEmpty
        for plan in plans {
            do throws(SystemError) {
                if let found = given[plan.name] {
                    try take(found, for: plan)
                    continue
                }
                switch plan.address {
                case .tcp(let host, let port): try addTCP(plan, host: host, port: port)
                case .unix(let path): try addUnix(plan, path: path, users: users)
                }
            } catch {
                let isFirst = isFirst && sockets.isEmpty
                remove(Set(plans.map(\.name)), keepsGiven: true)
                throw ListenerFailure(reason: Listeners.explain(error, plan.address), isFirst: isFirst)
            }
        }
    }

    /// - Parameter keepsGiven: the files of sockets that are open elsewhere stay.
    mutating func remove(_ names: Set<String>, keepsGiven: Bool = false) {
        for socket in sockets where names.contains(socket.name) {
            if let path = socket.path, socket.origin == .bound || !keepsGiven { unlink(path) }
            closeDescriptors([socket.descriptor])
        }
        sockets.removeAll { names.contains($0.name) }
    }

    private mutating func add(_ plan: ListenerPlan, _ socket: consuming Descriptor, path: String? = nil) {
        let index = sockets.count { $0.name == plan.name }
        sockets.append(Socket(name: plan.name, index: UInt32(index), descriptor: socket.release(), path: path))
    }

    /// No siblings are bound to them: those of a socket unit may be another user's, and stored ones are all there were.
    private mutating func take(_ found: [ArrivedSocket], for plan: ListenerPlan) throws(SystemError) {
        for (index, socket) in found.enumerated() {
            // Another backlog than it had takes effect (listen(2)).
            try startListening(socket.descriptor, backlog: plan.backlog, subject: "\(plan.address)")
            let isStored = StoredSockets.isOurs(socket.name)
            var path: String?
            if isStored, case .unix(let own) = plan.address { path = own }
            sockets.append(
                Socket(
                    name: plan.name, index: UInt32(index), descriptor: socket.descriptor, path: path,
                    origin: isStored ? .stored : .unit))
        }
    }

    /// The first socket is bound, and listens, without SO_REUSEPORT: a port that is taken, even by another server that
    /// shares its own, is an error and not a silent share of its connections. Listening at once matters: two sockets
    /// with SO_REUSEADDR may both be bound as long as neither listens.
    private mutating func addTCP(_ plan: ListenerPlan, host: String, port: Int) throws(SystemError) {
        guard let port = UInt16(exactly: port) else {
            throw SystemError(call: "bind", errno: EINVAL, subject: "\(plan.address)")
        }
        let host = host == "localhost" ? "127.0.0.1" : host
        let first = try bindTCP(host: host, port: port, sharesPort: false)
        try startListening(first.number, backlog: plan.backlog, subject: "\(plan.address)")
        let chosen = try boundPort(first.number)
        if plan.count > 1 { try setSharesPort(first.number) }
        add(plan, first)
        for _ in 1..<max(1, plan.count) {
            let sibling = try bindTCP(host: host, port: chosen, sharesPort: true)
            try startListening(sibling.number, backlog: plan.backlog, subject: "\(plan.address)")
            add(plan, sibling)
        }
    }

    private mutating func addUnix(_ plan: ListenerPlan, path: String, users: [PolicyUser]) throws(SystemError) {
        try removeStaleSocket(path)
        let owner = geteuid() == 0 ? users.first { $0.name == plan.owner } : nil
        let socket = try bindUnix(path: path, mode: plan.mode, owner: owner)
        do throws(SystemError) {
            try startListening(socket.number, backlog: plan.backlog, subject: path)
        } catch {
            unlink(path)
            throw error
        }
        add(plan, socket, path: path)
    }

    /// The file belongs to its owner from birth. In a directory where the owner may not create it, root does and gives
    /// it away: there nobody else could have put another file in its place.
    private func bindUnix(path: String, mode: UInt32, owner: PolicyUser?) throws(SystemError) -> Descriptor {
        guard let owner, owner.uid != 0 else { return try Linux.bindUnix(path: path, mode: mode) }
        do throws(SystemError) {
            return try asFileUser(uid: owner.uid, gid: owner.gid) { () throws(SystemError) in
                try Linux.bindUnix(path: path, mode: mode)
            }
        } catch  where error.errno == EACCES {
            let socket = try Linux.bindUnix(path: path, mode: mode)
            guard lchown(path, owner.uid, owner.gid) == 0 else { throw SystemError(call: "lchown", subject: path) }
            return socket
        }
    }

    /// A socket file on which nobody listens is what a killed server leaves. A live one, or any other file, is not ours
    /// to remove.
    private func removeStaleSocket(_ path: String) throws(SystemError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw SystemError(call: "bind", errno: EEXIST, subject: path)
        }
        do throws(SystemError) {
            _ = try connectUnix(path: path, nonBlocking: true)
        } catch  where error.errno == ECONNREFUSED {
            unlink(path)
            return
        } catch  where error.errno == EAGAIN {
            // Its backlog is full: alive.
        }
        throw SystemError(call: "bind", errno: EADDRINUSE, subject: path)
    }

    private static func explain(_ error: SystemError, _ address: ListenAddress) -> String {
        switch (error.errno, address) {
        case (EADDRINUSE, .tcp(_, let port)):
            let holders = portHolders(port: port)
            let who =
                holders.isEmpty ? "by a process that this user cannot see" : "by \(holders.joined(separator: ", "))"
            return "cannot listen on \(address): the port is taken \(who)"
        case (EADDRINUSE, .unix):
            return "cannot listen on \(address): another process listens there"
        case (EEXIST, .unix):
            return "cannot listen on \(address): the path exists and is not a socket"
        case (EACCES, .tcp(_, let port)) where port < 1024:
            return "cannot listen on \(address): ports below 1024 need root or CAP_NET_BIND_SERVICE"
        case (EADDRNOTAVAIL, .tcp):
            return "cannot listen on \(address): not an IP address of this machine"
        default:
            return "cannot listen on \(address): \(error.reason)"
        }
    }
}

/// Why the sockets cannot be had. What was bound before has been given up again.
struct ListenerFailure: Error, CustomStringConvertible {
    var reason: String
    var description: String { reason }
    /// Whether not even the first one of the plan could be had: then this may be a second server of the same name.
    var isFirst: Bool
}
