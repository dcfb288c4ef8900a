import Glibc
import Linux
import Model

extension Supervisor {
    static func resume(_ stateDescriptor: Int32, _ rehearsal: Rehearsal?) -> Never {
        do {
            // All descriptors are close-on-exec from here on, as before.
            try prepareProcess()
            let state = try readState(stateDescriptor)
            closeOthers(state.descriptors)
            exit(try makeLoop(state, rehearsal).resume(state))
        } catch {
            // Its guard ends all that it cannot go on with.
            SupervisorLog(format: .text).write("cannot go on as another program: \(error)")
            exit(1)
        }
    }

    private static func readState(_ descriptor: Int32) throws -> SupervisorState {
        let file = Descriptor(owning: descriptor)
        return try MessageCodec.decodeSupervisorState(try readWholeFile(file.number, limit: largestPlan))
    }

    /// Whatever the image before has left open beside what it says to have left.
    private static func closeOthers(_ kept: [Int32]) {
        guard let directory = try? openFile("/proc/self/fd", flags: O_RDONLY | O_DIRECTORY) else { return }
        let open = ((try? directoryEntries(directory.number)) ?? []).compactMap { Int32($0) }
        closeDescriptors(Set(open).subtracting(kept + [directory.number]).filter { $0 > 2 })
    }

    private static func makeLoop(_ state: SupervisorState, _ rehearsal: Rehearsal?) throws -> SupervisorLoop {
        let signals = try makeSignals(rehearsal)
        let log = SupervisorLog(format: state.plan.logFormat)
        let manager = ServiceManager(.current(), log: log)
        manager.resume(state.store)
        let listeners = Listeners(kept: state.listeners.compactMap { socket($0, log) })
        return try SupervisorLoop(
            plan: state.plan, listeners: listeners, signals: signals, manager: manager, rehearsal: rehearsal,
            resuming: state)
    }

    private static func socket(_ kept: SupervisorState.Listener, _ log: SupervisorLog) -> Listeners.Socket? {
        guard listeningAddress(kept.descriptor) != nil else {
            log.write("listener \(kept.name) is lost: descriptor \(kept.descriptor) does not listen")
            closeDescriptors([kept.descriptor])
            return nil
        }
        return Listeners.Socket(
            name: kept.name, index: kept.index, descriptor: kept.descriptor, path: kept.path, origin: kept.origin)
    }
}
