import Glibc
import Linux
import Model

/// The beginning of an image of the supervisor that goes on where another one has stopped.
extension SupervisorLoop {
    /// Until the end of the server; returns its exit status.
    func resume(_ state: SupervisorState) -> Int32 {
        machine.resume(state, now: monotonicNow())
        for child in state.children { adopt(child) }
        // In the place of the other image's, before anything can go wrong.
        let groups = Array(children.keys)
        if let old = state.groupGuard {
            groupGuard.takeOver(from: old, groups: groups)
        } else {
            groupGuard.start(groups: groups)
        }
        meter.pid = state.meterPid.flatMap { isOwnChild($0) ? $0 : nil }
        // What helped the other image has nobody any more.
        for pid in children.keys where !machine.isGroupLeader(pid) { try? signalGroup(pid, Signal.kill) }
        for child in state.children where child.lost != nil && children[child.pid] != nil {
            startDraining(child.pid, lost: child.lost)
        }
        log.write("another program goes on, with \(state.rows.count) children of core \(state.core.number)")
        if let apps {
            apps.recall(state.apps)
            policy.setOwners(apps.users)
        }
        if let retiring = state.retiring.flatMap({ takeUp($0) }) { retiringConnection = retiring }
        if let owner = takeUp(state.core) { connection = owner }
        startAppsWatcher()
        return serve()
    }

    private func adopt(_ child: SupervisorState.Child) {
        guard isOwnChild(child.pid) else {
            machine.forget(child.pid)
            log.write("pid \(child.pid) is no child of this server any more")
            return closeDescriptors(child.descriptors)
        }
        do throws(SystemError) {
            let report = child.report.map { Descriptor(owning: $0) }
            let output = child.output.map {
                OutputPipes(
                    standardOutput: Descriptor(owning: $0.standardOutput),
                    standardError: Descriptor(owning: $0.standardError))
            }
            let kept = ChildProcess(
                pid: child.pid, process: try process(child), report: report, output: output)
            children[child.pid] = kept
            guard let forks = child.forks else { return }
            let control = try PreloaderControl(socket: Descriptor(owning: forks.socket), user: forks.user)
            kept.forks = control
            try epoll.add(control.socket.number, .readable, token: Token.preloader + UInt64(child.pid))
        } catch {
            // What cannot be kept track of must not stay. It is in the table, so its end is told.
            log.write("pid \(child.pid) cannot be kept and is killed: \(error)")
            try? signalGroup(child.pid, Signal.kill)
        }
    }

    private func process(_ child: SupervisorState.Child) throws(SystemError) -> Descriptor {
        let inherited = Descriptor(owning: child.process)
        return pidfdProcess(inherited.number) == child.pid ? inherited : try pidfdOpen(pid: child.pid)
    }

    private func takeUp(_ core: SupervisorState.Core) -> CoreConnection? {
        let socket = Descriptor(owning: core.socket)
        guard children[core.pid] != nil else {
            let reason = ExitReason.signalled(Signal.kill, dumpedCore: false)
            perform(machine.ended(pid: core.pid, reason: reason, launchFailure: nil, now: monotonicNow()))
            return nil
        }
        do throws(SystemError) {
            return try makeConnection(socket, number: core.number)
        } catch {
            let reason = "its control socket is lost: \(error)"
            perform(
                machine.role(of: core.number) == .owner
                    ? machine.coreIsUnusable(reason: reason) : machine.endRetiring(reason))
            return nil
        }
    }

    private func isOwnChild(_ pid: Int32) -> Bool { processParent(pid: pid) == getpid() }
}
