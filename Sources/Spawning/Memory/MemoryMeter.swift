import Glibc
import Linux
package import Model
import Synchronization

/// Measures the workers of this core, and keeps what was measured last. Carries out what `MemoryRounds` decides.
package final class MemoryMeter: Sendable {
    /// In order, on the output reader's thread: must not block.
    package typealias Report = @Sendable (WorkerNumber, MemoryFigures) -> Void

    private struct State {
        var rounds = MemoryRounds()
        /// Our end of the packet socket to the process that measures, -1 without one.
        var socket: Int32 = -1
        /// Tells the end of one socket from that of the next.
        var socketNumber = 0
        var alarm: Instant?
    }

    private let link: SupervisorLink
    private let reader: OutputReader
    private let schedule: SpawningParts.Schedule
    private let report: Report
    private let state = Mutex(State())

    package init(
        link: SupervisorLink, reader: OutputReader, schedule: @escaping SpawningParts.Schedule,
        report: @escaping Report
    ) {
        self.link = link
        self.reader = reader
        self.schedule = schedule
        self.report = report
    }

    package func started(_ worker: WorkerNumber, pid: Int32, hardLimit: Int) {
        state.withLock { $0.rounds.started(worker, pid: pid, hardLimit: hardLimit, now: monotonicNow()) }
        setAlarm()
    }

    package func ended(_ worker: WorkerNumber) { state.withLock { $0.rounds.ended(worker) } }

    /// Nil before the first measurement.
    package func figures(_ worker: WorkerNumber) -> MemoryFigures? { state.withLock { $0.rounds.figures(worker) } }

    // MARK: Time

    /// One timer for the nearest deadline; an earlier one is added when that comes nearer, and a late one finds nothing to do.
    private func setAlarm() {
        let now = monotonicNow()
        let delay: Duration? = state.withLock { state in
            guard let next = state.rounds.nextDeadline, state.alarm.map({ next < $0 }) ?? true else { return nil }
            state.alarm = next
            return max(next - now, .zero)
        }
        if let delay { schedule(delay) { [self] in alarmWentOff() } }
    }

    private func alarmWentOff() {
        let now = monotonicNow()
        let action = state.withLock { state in
            if let alarm = state.alarm, alarm <= now { state.alarm = nil }
            return state.rounds.timePassed(now: now)
        }
        perform(action)
    }

    private func perform(_ action: MemoryRounds.Action) {
        switch action {
        case .ask(let roots): ask(roots)
        case .replaceMeter: replaceMeter()
        case .none: break
        }
        setAlarm()
    }

    // MARK: The process that measures

    private func replaceMeter() {
        state.withLock { Self.closeSocket(&$0) }
        link.startMeter { [weak self] started in self?.meterStarted(started) }
    }

    private func meterStarted(_ started: Result<Int32, SystemError>) {
        do throws(SystemError) {
            let socket = Descriptor(owning: try started.get())
            let copy = try socket.duplicate().release()
            let (number, action) = state.withLock { state in
                Self.closeSocket(&state)
                state.socketNumber += 1
                state.socket = copy
                return (state.socketNumber, state.rounds.meterIsReady(now: monotonicNow()))
            }
            reader.add(
                socket, receive: { [self] in answered(number, $0) }, ended: { [self] in meterEnded(number) })
            perform(action)
        } catch {
            state.withLock { $0.rounds.meterIsGone(now: monotonicNow()) }
            setAlarm()
        }
    }

    private func ask(_ roots: [Int32]) {
        state.withLock { state in
            // It is gone: the reader sees that too, and another one is started.
            try? MessageSocket.send(state.socket, MeterWire.question(roots))
        }
    }

    private func answered(_ number: Int, _ bytes: UnsafeRawBufferPointer) {
        guard let (root, figures) = MeterWire.answer(bytes) else { return }
        let worker = state.withLock { state in
            number == state.socketNumber ? state.rounds.answered(root, figures, now: monotonicNow()) : nil
        }
        if let worker { report(worker, figures) }
        setAlarm()
    }

    private func meterEnded(_ number: Int) {
        state.withLock { state in
            // One that was replaced ends too.
            guard number == state.socketNumber, state.socket >= 0 else { return }
            Self.closeSocket(&state)
            state.rounds.meterIsGone(now: monotonicNow())
        }
        setAlarm()
    }

    private static func closeSocket(_ state: inout State) {
        if state.socket >= 0 { closeDescriptors([state.socket]) }
        state.socket = -1
    }
}
