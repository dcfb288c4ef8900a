import Deploys
import Gateway
import Logging
import Model
import NIOCore
import Pool
import Spawning

// How it ends.
extension Core {
    /// What companions get when somebody is in a hurry; what workers get then.
    private static let hurriedGrace = Duration.seconds(2)

    /// A transient core ends by itself once the operation it was made for is over; its command may be gone by then.
    func endWhenIdle() {
        guard let app = table.all.first else { return requestShutdown.finish() }
        let requestShutdown = self.requestShutdown
        let idle = Shared(0)
        group.any().scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            Task {
                let overview = await app.operations.overview()
                let isIdle = overview.running == nil && overview.waiting.isEmpty
                let seconds = idle.withLock { count in
                    count = isIdle ? count + 1 : 0
                    return count
                }
                // Long enough for the command to ask, and to read the last event.
                if seconds > (overview.lastOutcome == nil ? 30 : 3) { requestShutdown.yield(false) }
            }
        }
    }

    /// Requests are taken for `shutdown_delay` more, while `readyz` says that none should be sent. Then the drain: no new
    /// connections, requests in flight are answered within `shutdown_timeout`, workers are stopped. A second request
    /// hurries.
    func waitForShutdown(_ gateway: Gateway?) async {
        let hurry = await announceStop(isPatient: gateway != nil)
        logger.info("stopping\(hurry ? " at once" : ": finishing requests in flight")")
        let limit = plan.server.shutdownTimeout
        let pool = self.pool
        await gateway?.drain()
        if !hurry { await gateway?.waitForFirstRequests() }
        let orderly = Task {
            // From here on no switch replaces them: they are only waited for.
            async let companions: Void = stopCompanions(within: hurry ? Self.hurriedGrace : limit)
            await withTaskGroup(of: Void.self) { group in
                for app in table.all { group.addTask { await app.operations.shutDown() } }
            }
            await pool.shutdown(within: limit, hurry: hurry)
            _ = await companions
        }
        let hurried = Task {
            // A second signal: what is still in flight is cut.
            _ = await nextRequest()
            gateway?.closeAll()
            async let companions: Void = stopCompanions(within: Self.hurriedGrace)
            await pool.shutdown(within: .zero, hurry: true)
            _ = await companions
        }
        await orderly.value
        hurried.cancel()
        await gateway?.finish(within: .milliseconds(500))
        await gateway?.closeLogs(within: .seconds(1))
    }

    /// Waits for the order to stop, and then for load balancers to notice. Whether there is no time left.
    private func announceStop(isPatient: Bool) async -> Bool {
        var hurry = await nextRequest()
        while !beginsToStop() {
            logger.warning("another core has just taken over: it was not told to stop")
            hurry = await nextRequest()
        }
        let delay = plan.server.shutdownDelay
        guard !hurry, isPatient, delay > .zero else { return hurry }
        logger.info("stopping: not ready any more, requests are taken for \(delay.inWords) (shutdown_delay)")
        return await isHurried(within: delay)
    }

    /// A core stops or retires, whichever comes first.
    private func beginsToStop() -> Bool {
        phase.withLock { phase in
            if phase != .retired { phase = .stopping }
            return phase == .stopping
        }
    }

    private func nextRequest() async -> Bool {
        for await hurry in shutdownRequests { return hurry }
        return true
    }

    /// Whether a further request came in this time.
    private func isHurried(within delay: Duration) async -> Bool {
        let requestShutdown = self.requestShutdown
        let wait = Shared((isOver: false, wasHurried: false))
        // The stream is what is waited for: the end of the delay comes through it too.
        tools.schedule(delay) {
            let isWaitedFor = wait.withLock { wait in
                wait.isOver = true
                return !wait.wasHurried
            }
            if isWaitedFor { requestShutdown.yield(false) }
        }
        _ = await nextRequest()
        return wait.withLock { wait in
            wait.wasHurried = !wait.isOver
            return wait.wasHurried
        }
    }

    func stopCompanions(within limit: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            for app in table.all { group.addTask { await app.companions?.shutDown(within: limit) } }
        }
    }
}
