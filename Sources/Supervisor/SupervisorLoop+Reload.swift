import Glibc
import Linux
import Model

/// A plan that the core has not taken on yet.
struct PlanOffer {
    var plan: SupervisorPlan
    /// Names of listeners that were bound for it.
    var added: Set<String> = []
}

/// A new plan in the place of the one that the supervisor was started with. It comes from a child of the supervisor's own
/// program and user and from nobody else: the core may ask that one is made, and may refuse it, and says nothing about it.
extension SupervisorLoop {
    /// `ticket` 0: a signal.
    func reload(ticket: UInt64) {
        perform(reloading.requested(ticket, objection: reloadObjection, mustWait: reloadMustWait))
    }

    private var reloadObjection: String? {
        reloader == nil ? "this server does not read its configuration again" : machine.reloadObjection
    }

    /// An upgrade makes a plan of its own, perhaps of what was there before it was changed.
    private var reloadMustWait: Bool { upgrade.isUnderWay || !machine.canReload }

    /// One at a time: a reload, or an upgrade.
    func beginWhatWaits() {
        if machine.retiring == nil, reloading.state == .idle { perform(upgrade.mayBegin()) }
        if reloadObjection != nil || !reloadMustWait { perform(reloading.proceed(objection: reloadObjection)) }
    }

    func coreAnsweredReload(_ refusal: String?) { perform(reloading.coreAnswered(refusal: refusal)) }

    func perform(_ actions: [ReloadStateMachine.Action]) {
        for action in actions { perform(action) }
        guard hasToldReload, reloading.state == .idle else { return }
        hasToldReload = false
        manager.tell(.ready(status: nil))
    }

    private func perform(_ action: ReloadStateMachine.Action) {
        switch action {
        case .startCompiler:
            manager.tell(.reloading)
            hasToldReload = true
            startCompiler()
        case .killCompiler(let pid): try? signalGroup(pid, Signal.kill)
        case .offer(let ticket): offer(ticket)
        case .commit: commit("reload: the new configuration holds")
        case .withdraw: withdraw()
        case .refuse(let ticket, let reason): send(.reloadRefused(ticket: ticket, reason: reason))
        case .giveUpCore(let reason): perform(machine.coreIsUnusable(reason: reason))
        case .log(let line): log.write(line)
        }
    }

    private func startCompiler() {
        guard let reloader else { return }
        do throws(SystemError) {
            let process = try reloader.start(plan, using: launcher)
            let pid = process.pid
            keep(process)
            reloading.compilerStarted(pid: pid, now: monotonicNow())
        } catch {
            perform(reloading.compilerDidNotStart("\(error)"))
        }
    }

    /// `reason`: how the child ended, which may be one that is none of this.
    func compilerEnded(_ pid: Int32, _ reason: ExitReason) {
        guard reloading.isCompiler(pid), let reloader else { return }
        switch reloader.result(reason) {
        case .refused(let reason): perform(reloading.compilerEnded(refusal: reason))
        case .plan(let new):
            offered = PlanOffer(plan: new)
            // It was not told to the child, whose result is none the larger for it.
            offered?.plan.reloader = plan.reloader
            perform(reloading.compilerEnded(refusal: nil))
        }
    }

    private func offer(_ ticket: UInt64) {
        guard let connection, var offer = offered else { return perform(reloading.notOffered("no core serves")) }
        do {
            if let objection = plan.objection(to: offer.plan) { throw Refusal(reason: objection) }
            try bind(&offer)
            let boot = try makeMemoryFile(name: "core-boot-plan", contents: offer.plan.coreBootPlan)
            reloading.offered(now: monotonicNow())
            ignoringClosedCore(connection) { () throws(SystemError) in
                for socket in listeners.sockets where offer.added.contains(socket.name) {
                    try connection.send(
                        .listener(name: socket.name, index: socket.index), descriptors: [socket.descriptor])
                }
                try connection.send(.reload(ticket: ticket), descriptors: [boot.number])
            }
        } catch {
            withdraw()
            perform(reloading.notOffered("\(error)"))
        }
    }

    /// Its listeners beside those that hold, until it is committed or withdrawn.
    func bind(_ offer: inout PlanOffer) throws {
        if let objection = plan.listenerObjection(to: offer.plan) { throw Refusal(reason: objection) }
        let known = Set(plan.listeners.map(\.name))
        let added = offer.plan.listeners.filter { !known.contains($0.name) }
        try listeners.add(added, users: offer.plan.users)
        offer.added = Set(added.map(\.name))
        offered = offer
        // A core looks at the certificates before it takes them on.
        readableFiles = ReadableFiles(paths: plan.readableFiles + offer.plan.readableFiles)
    }

    /// What was offered is what holds from now on.
    func commit(_ news: String) {
        guard let offer = offered else { return }
        offered = nil
        let names = Set(offer.plan.listeners.map(\.name))
        listeners.remove(Set(plan.listeners.map(\.name)).subtracting(names))
        // Who came with the start is not waited for any more.
        plan = offer.plan
        plan.reportDescriptor = nil
        policy.replace(users: plan.users, allowsOwnUser: plan.allowsOwnUser)
        readableFiles = ReadableFiles(paths: plan.readableFiles)
        machine.shutdownTimeout = plan.shutdownTimeout
        log.write(news)
        manager.store(listeners.sockets)
        do throws(SystemError) {
            try coreLauncher.use(bootPlan: plan.coreBootPlan)
        } catch {
            log.write("the next core, if this one ends, would start with the old configuration: \(error)")
        }
    }

    func withdraw() {
        guard let offer = offered else { return }
        offered = nil
        listeners.remove(offer.added)
        readableFiles = ReadableFiles(paths: plan.readableFiles)
    }
}

extension SupervisorPlan {
    /// What a reload may not change. The child that made the plan has said so already, in better words.
    fileprivate func objection(to new: SupervisorPlan) -> String? {
        var changed = self
        changed.listeners = new.listeners
        changed.users = new.users
        changed.allowsOwnUser = new.allowsOwnUser
        changed.readableFiles = new.readableFiles
        changed.coreBootPlan = new.coreBootPlan
        changed.shutdownTimeout = new.shutdownTimeout
        changed.reportDescriptor = new.reportDescriptor
        return changed == new ? nil : "it changes what only a restart of the server can"
    }

    /// An address that stays keeps its socket.
    fileprivate func listenerObjection(to new: SupervisorPlan) -> String? {
        for listener in new.listeners {
            guard let old = listeners.first(where: { $0.name == listener.name }), old != listener else { continue }
            return "listener \(listener.name) would change, which only a restart of the server can do"
        }
        return nil
    }
}
