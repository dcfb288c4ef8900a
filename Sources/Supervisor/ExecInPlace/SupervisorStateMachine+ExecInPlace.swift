package import Model

extension SupervisorStateMachine {
    /// Why no other image can go on from here; nil when it can.
    package var execObjection: String? {
        guard phase == .serving else { return "the server is stopping" }
        guard case .running(let life) = core, life.isReady, life.killAt == nil else { return "no core serves" }
        if successor != nil { return "another core makes itself ready" }
        return forks.isEmpty ? nil : "a worker is being forked"
    }

    /// Nil when no core runs. `socket`: the supervisor's end of its control socket.
    package func keptCore(socket: Int32) -> SupervisorState.Core? {
        guard case .running(let life) = core else { return nil }
        return SupervisorState.Core(number: life.number, pid: life.pid, startedAt: life.startedAt, socket: socket)
    }

    package func keptRetiringCore(socket: Int32) -> SupervisorState.Core? {
        retiring.map {
            SupervisorState.Core(number: $0.number, pid: $0.pid, startedAt: $0.startedAt, socket: socket)
        }
    }

    package var keptRows: [SupervisorState.Row] {
        table.sorted { $0.key < $1.key }.map { _, row in
            SupervisorState.Row(
                entry: row.entry, coreNumber: row.coreNumber, formerCore: row.formerCore,
                controlGroup: row.controlGroup, isOrphan: row.isOrphan, killAt: row.killAt, drainAt: row.drainAt,
                isDrained: row.isDrained)
        }
    }

    /// Where the image before stopped. The core is asked anew whether it still works.
    package mutating func resume(_ state: SupervisorState, now: Instant) {
        core = .running(
            CoreLife(
                number: state.core.number, pid: state.core.pid, startedAt: state.core.startedAt, isReady: true,
                pulse: CorePulse(limit: silenceLimit, now: now)))
        retiring = state.retiring.map {
            OtherCore(
                number: $0.number, pid: $0.pid, startedAt: $0.startedAt,
                pulse: CorePulse(limit: silenceLimit, now: now))
        }
        for row in state.rows {
            table[row.entry.pid] = Row(
                entry: row.entry, coreNumber: row.coreNumber, formerCore: row.formerCore,
                controlGroup: row.controlGroup, isOrphan: row.isOrphan, killAt: row.killAt, drainAt: row.drainAt,
                isDrained: row.isDrained)
        }
        lastTicket = state.lastTicket
        restarts = CoreRestarts(state.restarts)
        hasReported = true
    }

    /// It is not our child: nobody will ever hear of its end.
    mutating func forget(_ pid: Int32) { table[pid] = nil }
}
