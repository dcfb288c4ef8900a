import Glibc
import Linux
import Model

/// What an upgrade comes down to: two cores for a while, and then this process as the new program.
extension SupervisorLoop {
    /// `ticket` 0: a signal.
    func upgrade(ticket: UInt64) {
        if upgrade.isIdle {
            upgradeAsker = connection?.core
        } else if let connection, connection.core != upgradeAsker {
            return send(.upgradeRefused(ticket: ticket, reason: "an upgrade is under way"), to: connection)
        }
        perform(upgrade.requested(ticket, objection: upgradeObjection, waitsFor: upgradeWaitsFor))
    }

    private var upgradeWaitsFor: String? {
        if machine.retiring != nil { return "the core before the one that serves has answered its last clients" }
        return reloading.state == .idle ? nil : "the configuration has been read"
    }

    private var upgradeObjection: String? {
        guard plan.reloader != nil else { return "this server reads no configuration again, and so cannot be upgraded" }
        return machine.upgradeObjection
    }

    func perform(_ actions: [UpgradeStateMachine.Action]) {
        for action in actions { perform(action) }
        if upgrade.isIdle { upgrader = nil }
    }

    private func perform(_ action: UpgradeStateMachine.Action) {
        switch action {
        case .startCompiler: startUpgradeCompiler()
        case .killCompiler(let pid): try? signalGroup(pid, Signal.kill)
        case .startSuccessor: startSuccessor()
        case .endSuccessor(let reason): perform(machine.endSuccessor(reason))
        case .retireCore: orderRetirement()
        case .keepCore: send(.stay)
        case .replaceCore(let children): replaceCore(children)
        case .promote(let children): promote(children)
        case .giveUpCore(let reason): perform(machine.coreIsUnusable(reason: reason))
        case .commit(let version):
            if let taken = upgrader?.takeLauncher() { coreLauncher = taken }
            commit("upgrade: version \(version) serves")
            becomeNewProgram()
        case .withdraw: withdraw()
        case .answer(let ticket, let version): tellAsker(.upgraded(ticket: ticket, version: version))
        case .refuse(let ticket, let reason):
            tellAsker(.upgradeRefused(ticket: ticket, reason: reason))
        case .log(let line): log.write(line)
        }
    }

    /// It may have handed over since, or be gone.
    private func tellAsker(_ message: SupervisorMessage) {
        guard let asker = upgradeAsker else { return }
        send(message, to: connection(of: asker))
    }

    // MARK: The new program's plan

    private func startUpgradeCompiler() {
        do {
            guard let reloader = plan.reloader else { return }
            let upgrader = try Upgrader(path: plan.programPath, plan: reloader)
            self.upgrader = upgrader
            guard let state = keptState else { throw Refusal(reason: "no core serves") }
            let process = try upgrader.reloader.start(
                plan, state: try MessageCodec.encode(state), using: launcher)
            let pid = process.pid
            keep(process)
            upgrade.compilerStarted(pid: pid, now: monotonicNow())
        } catch {
            perform(upgrade.notStarted((error as? Refusal)?.reason ?? "the new program cannot be run: \(error)"))
        }
    }

    func upgradeCompilerEnded(_ pid: Int32, _ reason: ExitReason) {
        guard upgrade.isCompiler(pid), let upgrader else { return }
        switch upgrader.reloader.result(reason) {
        case .refused(let reason): perform(upgrade.compilerEnded(refusal: reason))
        case .plan(let new):
            offered = PlanOffer(plan: new)
            perform(upgrade.compilerEnded(refusal: nil))
        }
    }

    /// It has shown that it can go on from a state like ours.
    private func becomeNewProgram() {
        guard let upgrader else { return }
        do throws(SystemError) {
            exec(try duplicateDescriptor(upgrader.program.number))
        } catch {
            log.write("upgrade: the supervisor stays the program that it was: \(error)")
        }
    }

    // MARK: The new core

    private func startSuccessor() {
        guard var offer = offered, let upgrader else { return }
        do {
            try bind(&offer)
            let credentials = try policy.known(plan.coreUser)
            let number = machine.nextCoreNumber()
            let started = try upgrader.startCore(offer.plan, credentials, using: launcher)
            keep(started.process)
            perform(machine.successorStarted(number: number, pid: started.process.pid, now: monotonicNow()))
            upgrade.successorStarted(now: monotonicNow())
            try prepare(started.control, number: number)
        } catch {
            let reason = "\(error)"
            perform(machine.endSuccessor(reason))
            perform(upgrade.notStarted(reason))
        }
    }

    private func prepare(_ control: consuming Descriptor, number: UInt32) throws(SystemError) {
        let connection = try makeConnection(control, number: number)
        successorConnection = connection
        guard let bootPlan = upgrader?.bootPlan else { return }
        try greet(connection, bootPlan: bootPlan)
        try connection.send(.prepare)
        try tellStory(connection)
    }

    /// Until it owns the pool it may look at certificates, and no more.
    func hearSuccessor(_ message: CoreMessage, _ descriptors: [Int32], _ connection: CoreConnection) {
        closeDescriptors(descriptors)
        switch message {
        case .hello(let version) where version != SupervisionProtocol.version:
            perform(machine.endSuccessor("it speaks protocol version \(version)"))
        case .openFile(let path): open(path, for: connection)
        case .prepared(let version): perform(upgrade.successorIsPrepared(version: version, now: monotonicNow()))
        case .failed(let reason, _):
            perform(upgrade.successorIsGone(reason))
            perform(machine.endSuccessor(reason))
        case .spawn(let request):
            send(.spawnRefused(tag: request.tag, reason: "another core serves"), to: connection)
        case .startMeter: send(.meterStarted(errno: EAGAIN), to: connection)
        default: break
        }
    }

    /// The same sockets as before, if it was told to stay meanwhile: it may have begun to use them.
    private func orderRetirement() {
        guard let connection else { return }
        do throws(SystemError) {
            if clientSockets == nil { clientSockets = try ClientSockets() }
        } catch {
            log.write("upgrade: clients have to connect anew: \(error)")
        }
        ignoringClosedCore(connection) { [clientSockets] () throws(SystemError) in
            try connection.send(.retire, descriptors: clientSockets.map { [$0.sending] } ?? [])
        }
    }

    func coreHandedOver(_ children: [ChildTag], refusal: String?) {
        perform(upgrade.coreHandedOver(children, refusal: refusal, now: monotonicNow()))
    }

    private func promote(_ tags: [ChildTag]) {
        guard let next = successorConnection else {
            perform(upgrade.coreIsGone())
            return replaceCore(tags)
        }
        perform(reloading.ownerRetires())
        perform(machine.promote(tags, now: monotonicNow()))
        retiringConnection = connection
        connection = next
        successorConnection = nil
        ignoringClosedCore(next) { () throws(SystemError) in try hand(machine.handedOver, to: next) }
    }

    private func replaceCore(_ tags: [ChildTag]) {
        perform(reloading.ownerRetires())
        retiringConnection = connection
        connection = nil
        perform(machine.replaceCore(tags, now: monotonicNow()))
    }

    /// Any child: a core that is not the owner.
    func coreBesideEnded(_ pid: Int32, _ reason: ExitReason) {
        upgradeCompilerEnded(pid, reason)
        if machine.successor?.pid == pid {
            hearLastWords(of: successorConnection)
            disconnect(successorConnection)
            perform(upgrade.successorIsGone("it ended: \(reason)"))
        }
        if machine.retiring?.pid == pid { disconnect(retiringConnection) }
    }

    private func hearLastWords(of connection: CoreConnection?) {
        guard let connection else { return }
        for _ in 0..<Self.mostMessages {
            guard case .message(let message, let descriptors) = connection.receive() else { return }
            hearSuccessor(message, descriptors, connection)
        }
    }

    /// A retiring core that asks for something gets an answer, or it would wait.
    func hearRetiring(_ message: CoreMessage, _ connection: CoreConnection) {
        switch message {
        case .spawn(let request):
            send(.spawnRefused(tag: request.tag, reason: "another core has taken over"), to: connection)
        case .fork(let request):
            send(.spawnRefused(tag: request.tag, reason: "another core has taken over"), to: connection)
        case .startMeter: send(.meterStarted(errno: EAGAIN), to: connection)
        case .openFile(let path): open(path, for: connection)
        case .requestReload(let ticket):
            send(.reloadRefused(ticket: ticket, reason: "another core has taken over: try again"), to: connection)
        case .requestUpgrade(let ticket):
            send(.upgradeRefused(ticket: ticket, reason: "another core has taken over: try again"), to: connection)
        default: perform(machine.received(message, from: connection.core, now: monotonicNow()))
        }
    }
}
