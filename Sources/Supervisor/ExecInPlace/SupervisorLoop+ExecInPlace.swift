import Glibc
import Linux
import Model

/// A signal at which the supervisor becomes this program, unasked and unproved: for tests.
package struct Rehearsal: Sendable {
    package var signal: Int32
    /// Path.
    package var program: String
    package init(signal: Int32, program: String) {
        self.signal = signal
        self.program = program
    }
}

/// The end of this image of the supervisor: another program goes on in the same process, with the same children and descriptors.
extension SupervisorLoop {
    /// Becomes this program, an open file, at the end of the first turn in which nothing is under way that only this image can
    /// end. It should have shown that it can go on from what `keptState` gives (`_upgrade`).
    func exec(_ program: consuming Descriptor) {
        if let nextProgram { closeDescriptors([nextProgram]) }
        nextProgram = program.release()
    }

    func execIfPossible() {
        guard let program = nextProgram, execObjection == nil else { return }
        nextProgram = nil
        let reason = execInPlace(program)
        closeDescriptors([program])
        log.write("the program cannot be replaced, this one goes on: \(reason)")
    }

    /// Nil when nothing waits for this image.
    var execObjection: String? {
        if let objection = machine.execObjection { return objection }
        guard reloading.isIdle else { return "the configuration is being read" }
        guard upgrade.isIdle else { return "an upgrade is under way" }
        guard let connection, connection.isIdle, retiringConnection?.isIdle ?? true else {
            return "the core has not heard everything"
        }
        guard manager.isIdle else { return "the service manager has not heard everything" }
        return nil
    }

    /// Nil when no core runs.
    var keptState: SupervisorState? {
        guard let core = connection.flatMap({ machine.keptCore(socket: $0.number) }) else { return nil }
        var state = SupervisorState(
            plan: plan, core: core, restarts: machine.restarts.kept,
            ownerPipe: SupervisorState.OwnerPipe(reader: ownerPipe.reader.number, writer: ownerPipe.writer.number))
        state.retiring = retiringConnection.flatMap { machine.keptRetiringCore(socket: $0.number) }
        state.plan.reportDescriptor = nil
        state.lastTicket = machine.lastTicket
        state.rows = machine.keptRows
        state.children = children.values.sorted { $0.pid < $1.pid }.map(kept)
        state.listeners = listeners.sockets.map {
            SupervisorState.Listener(
                name: $0.name, index: $0.index, descriptor: $0.descriptor, path: $0.path, origin: $0.origin)
        }
        state.groupGuard = groupGuard.kept
        state.meterPid = meter.pid
        state.apps = apps?.story ?? []
        state.store.stored = manager.stored
        state.store.told = manager.told
        state.controlGroups = controlGroups?.kept
        state.controlGroupNote = controlGroupNote
        return state
    }

    private func kept(_ child: ChildProcess) -> SupervisorState.Child {
        SupervisorState.Child(
            pid: child.pid, process: child.process.number,
            output: child.output.map {
                SupervisorState.Output(standardOutput: $0.numbers[0], standardError: $0.numbers[1])
            },
            report: child.reportDescriptor,
            forks: child.forks.map { SupervisorState.Forks(socket: $0.socket.number, user: $0.user) },
            lost: drain.lost(pid: child.pid))
    }

    /// Returns only when it failed, with why, and everything is as it was. The guard of the groups stays, and signals that come in
    /// between stay pending: they are blocked here and there.
    private func execInPlace(_ program: Int32) -> String {
        guard let state = keptState else { return "no core serves" }
        do {
            let file = try makeMemoryFile(name: "supervisor-state", contents: try MessageCodec.encode(state))
            let kept = state.descriptors + [file.number]
            defer { for descriptor in kept { try? setCloseOnExec(descriptor, true) } }
            for descriptor in kept { try setCloseOnExec(descriptor, false) }
            // They have been taken. Nobody wants them twice.
            let taken = [ServiceVariables.socketCount, ServiceVariables.socketPid, ServiceVariables.socketNames]
            for name in taken { unsetenv(name) }
            let role = Array(CommandLine.arguments.prefix(2))
            return "\(executeProgram(program, arguments: role + ["resume", "\(file.number)"]))"
        } catch {
            return "\(error)"
        }
    }

    func rehearse(_ signal: Int32) {
        guard let rehearsal, rehearsal.signal == signal else { return }
        do {
            exec(try openPath(rehearsal.program))
        } catch {
            log.write("the program cannot be replaced, this one goes on: \(error)")
        }
    }
}
