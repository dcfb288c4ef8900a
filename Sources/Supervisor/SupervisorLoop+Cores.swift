import Glibc
import Linux
import Model

/// Cores: how one is started and greeted, and whom what it says goes to.
extension SupervisorLoop {
    func serveCore(_ number: UInt32, _ ready: Epoll.Interest) {
        guard let role = machine.role(of: number), let connection = connection(of: number) else { return }
        if ready.contains(.writable) {
            ignoringClosedCore(connection) { () throws(SystemError) in try connection.flush() }
        }
        for _ in 0..<Self.mostMessages {
            switch connection.receive() {
            case .message(let message, let descriptors):
                switch role {
                case .owner: hear(message, descriptors, connection)
                case .successor: hearSuccessor(message, descriptors, connection)
                case .retiring:
                    closeDescriptors(descriptors)
                    hearRetiring(message, connection)
                }
            case .unreadable(let reason):
                return lose(connection, role, reason)
            case .nothingMore:
                return
            case .closed:
                return coreHasClosed(connection, role)
            }
            // It may be another's from now on.
            guard machine.role(of: number) == role else { return }
        }
    }

    func connection(of core: UInt32) -> CoreConnection? {
        [connection, successorConnection, retiringConnection].compactMap { $0 }.first { $0.core == core }
    }

    private func hear(_ message: CoreMessage, _ descriptors: [Int32], _ connection: CoreConnection) {
        defer { closeDescriptors(descriptors) }
        switch message {
        case .spawn(let request): spawn(request, descriptors)
        case .fork(let request): fork(request, descriptors)
        case .openFile(let path): open(path, for: connection)
        case .startMeter: startMeter()
        case .requestReload(let ticket): reload(ticket: ticket)
        case .reloadAnswer(let refusal): coreAnsweredReload(refusal)
        case .requestUpgrade(let ticket): upgrade(ticket: ticket)
        case .handedOver(let children, let refusal): coreHandedOver(children, refusal: refusal)
        case .ready:
            perform(machine.received(message, from: connection.core, now: monotonicNow()))
            perform(upgrade.successorIsReady())
        default: perform(machine.received(message, from: connection.core, now: monotonicNow()))
        }
    }

    private func coreHasClosed(_ connection: CoreConnection, _ role: SupervisorStateMachine.CoreRole) {
        disconnect(connection)
        switch role {
        case .owner: machine.coreDisconnected(now: monotonicNow())
        // Nobody could hand over to it.
        case .successor: perform(machine.endSuccessor("it has closed its control socket"))
        case .retiring: break
        }
    }

    func lose(_ connection: CoreConnection, _ role: SupervisorStateMachine.CoreRole, _ reason: String) {
        switch role {
        case .owner: perform(machine.coreIsUnusable(reason: reason))
        case .successor: perform(machine.endSuccessor(reason))
        case .retiring: perform(machine.endRetiring(reason))
        }
    }

    /// A core's exit may be seen before what it said last: that it is done, or why it failed. Both still lie in the socket.
    func hearLastWords() {
        // All that fits into it, and no more: what is left of an unreadable rest is not worth waiting for.
        for _ in 0..<CoreConnection.longestQueue / Self.mostMessages {
            guard let connection else { return }
            serveCore(connection.core, .readable)
        }
    }

    func disconnect(_ gone: CoreConnection?) {
        guard let gone else { return }
        // It may be closed already, and then epoll has dropped it by itself.
        try? epoll.remove(gone.number)
        if connection === gone { connection = nil }
        if successorConnection === gone { successorConnection = nil }
        if retiringConnection === gone { retiringConnection = nil }
    }

    func ignoringClosedCore(_ connection: CoreConnection, _ body: () throws(SystemError) -> Void) {
        do throws(SystemError) {
            try body()
        } catch  where error.errno == EPIPE || error.errno == ECONNRESET {
            // Its end will be reported in a moment.
        } catch {
            if let role = machine.role(of: connection.core) { lose(connection, role, "cannot send to it: \(error)") }
        }
    }

    func startCore(number: UInt32) {
        disconnect(connection)
        let control: Descriptor
        do throws(SystemError) {
            let started = try coreLauncher.start(using: launcher)
            keep(started.process)
            perform(machine.coreStarted(pid: started.process.pid, now: monotonicNow()))
            control = started.control
        } catch {
            return perform(machine.coreDidNotStart(reason: "\(error)", now: monotonicNow()))
        }
        do throws(SystemError) {
            try connect(control, number: number)
        } catch {
            perform(machine.coreIsUnusable(reason: "cannot greet it: \(error)"))
        }
    }

    private func connect(_ control: consuming Descriptor, number: UInt32) throws(SystemError) {
        let connection = try makeConnection(control, number: number)
        self.connection = connection
        try greet(connection, bootPlan: coreLauncher.bootPlan)
        try hand(machine.handedOver, to: connection)
        try tellStory(connection)
    }

    func makeConnection(_ control: consuming Descriptor, number: UInt32) throws(SystemError) -> CoreConnection {
        let token = Token.core + UInt64(number)
        let connection = try CoreConnection(socket: control, core: number) { [unowned self] socket, wantsToWrite in
            // Fails only for a socket that is not watched any more.
            try? epoll.modify(socket, wantsToWrite ? [.readable, .writable] : .readable, token: token)
        }
        try epoll.add(connection.number, .readable, token: token)
        return connection
    }

    func greet(_ connection: CoreConnection, bootPlan: Int32) throws(SystemError) {
        try connection.send(
            .welcome(version: SupervisionProtocol.version, supervisorPid: getpid(), coreNumber: connection.core),
            descriptors: [bootPlan])
        try connection.send(.controlGroups(path: controlGroups?.path, note: controlGroupNote))
        for socket in listeners.sockets {
            try connection.send(.listener(name: socket.name, index: socket.index), descriptors: [socket.descriptor])
        }
    }

    func hand(_ entries: [ChildEntry], to connection: CoreConnection) throws(SystemError) {
        for entry in entries {
            try connection.send(.child(entry), descriptors: children[entry.pid]?.outputDescriptors ?? [])
        }
        // It is kept until a core has it: whatever becomes of the one that was to.
        try connection.send(.begin, descriptors: clientSockets.map { [$0.receiving] } ?? [])
        clientSockets = nil
    }

    func tellStory(_ connection: CoreConnection) throws(SystemError) {
        for message in apps?.story ?? [] { try connection.send(.apps(message)) }
    }
}
