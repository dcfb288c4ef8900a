import Glibc
package import Linux
import Model
import Synchronization

/// What the core asks of the supervisor besides children. Answers come in the order of the questions.
extension SupervisorLink {
    /// Told, on the link's thread, about one file that was asked for. Owns the descriptor. Must not block.
    package typealias FileHandler = @Sendable (Result<Int32, SystemError>) -> Void

    /// Asks for a descriptor to read a file from, as the supervisor's user sees it now. `pread` it (`readWholeFile`): its
    /// position may be shared. Only for the plan's `readableFiles`: EPERM for all others. `then` is called once, perhaps
    /// before this returns; only after `start`.
    package func openFile(_ path: String, then: @escaping FileHandler) {
        // Sent under the lock, so that two questions for one path stand in the same order here and there.
        let failure: SystemError? = state.withLock { state in
            if state.isSupervisorGone { return SystemError(call: "open", errno: EPIPE, subject: path) }
            do throws(SystemError) {
                try MessageSocket.send(descriptor, MessageCodec.encode(.openFile(path: path)))
            } catch {
                return error
            }
            state.opening[path, default: []].append(then)
            return nil
        }
        if let failure { then(.failure(failure)) }
    }

    /// Told, on the link's thread, about the packet socket of a new meter. Owns the descriptor. Must not block.
    package typealias MeterHandler = @Sendable (Result<Int32, SystemError>) -> Void

    /// Asks for a process that measures memory. `then` is called once, perhaps before this returns; only after `start`.
    package func startMeter(then: @escaping MeterHandler) {
        let failure: SystemError? = state.withLock { state in
            if state.isSupervisorGone { return SystemError(call: "spawn", errno: EPIPE) }
            do throws(SystemError) {
                try MessageSocket.send(descriptor, MessageCodec.encode(.startMeter))
            } catch {
                return error
            }
            state.startingMeters.append(then)
            return nil
        }
        if let failure { then(.failure(failure)) }
    }

    func meterStarted(_ started: Result<Int32, SystemError>) {
        let handler = state.withLock { $0.startingMeters.isEmpty ? nil : $0.startingMeters.removeFirst() }
        if let handler { return handler(started) }
        if case .success(let number) = started { _ = Descriptor(owning: number) }
    }

    func fileOpened(_ path: String, _ opened: Result<Int32, SystemError>) {
        let handler = state.withLock { state -> FileHandler? in
            guard var line = state.opening.removeValue(forKey: path) else { return nil }
            let first = line.removeFirst()
            if !line.isEmpty { state.opening[path] = line }
            return first
        }
        if let handler { return handler(opened) }
        if case .success(let number) = opened { _ = Descriptor(owning: number) }
    }

    func abandonQuestions() {
        let (waiting, meters) = state.withLock { state in
            state.isSupervisorGone = true
            defer { (state.opening, state.startingMeters) = ([:], []) }
            return (state.opening, state.startingMeters)
        }
        for handler in meters { handler(.failure(SystemError(call: "spawn", errno: EPIPE))) }
        for (path, handlers) in waiting {
            for handler in handlers { handler(.failure(SystemError(call: "open", errno: EPIPE, subject: path))) }
        }
    }
}
