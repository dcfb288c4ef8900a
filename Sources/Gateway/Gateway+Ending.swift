import AccessLog
import Linux
import NIOCore
import NIOPosix
import Sockets
import Synchronization

/// How a gateway comes to its end, when the server stops. (When another core goes on: `HandOver`.)
extension Gateway {
    /// Stops accepting, ends idle connections, lets busy ones finish (their answers say `Connection: close`).
    package func drain() async {
        await stopAccepting()
        for loop in loops { loop.eventLoop.execute { loop.context.value.beginDrain() } }
    }

    /// After a drain began: returns when the connections that were made a moment before have sent their first request, or have had the
    /// time for it. A pool that is stopped then refuses none of them.
    package func waitForFirstRequests() async {
        let deadline = NIODeadline.now() + ClientConnection.firstRequest
        while await expectsFirstRequests(), NIODeadline.now() < deadline {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    private func expectsFirstRequests() async -> Bool {
        for loop in loops {
            let expects = try? await loop.eventLoop.submit { loop.context.value.expectsFirstRequests }.get()
            if expects == true { return true }
        }
        return false
    }

    func stopAccepting() async {
        for acceptor in acceptors.withLock({ take(&$0) }) { await acceptor.close() }
    }

    /// When nothing is served any more: hands over the last lines and waits for them to be written, for at most so long.
    package func closeLogs(within time: Duration) async {
        guard let log = accessLog.withLock({ $0 }) else { return }
        for loop in loops { try? await loop.eventLoop.submit { loop.context.value.flushAccessLog() }.get() }
        _ = try? await parts.threads.runIfActive { log.close(within: time) }
    }

    /// After a drain or a hand-over: returns when no client is left, or after `time`.
    package func waitUntilEmpty(within time: Duration) async {
        await withCheckedContinuation { done in
            connections.whenNone { done.resume() }
            loops[0].eventLoop.scheduleTask(in: TimeAmount(time)) { [connections] in connections.stopWaiting() }
        }
    }

    /// After a drain: gives the last answers time to reach their clients, then ends what is left.
    package func finish(within time: Duration) async {
        var timer: Scheduled<Void>?
        await withCheckedContinuation { done in
            connections.whenNone { done.resume() }
            timer = loops[0].eventLoop.scheduleTask(in: TimeAmount(time)) { [connections] in connections.stopWaiting() }
        }
        timer?.cancel()
        closeAll()
    }

    /// Ends every connection as it is.
    package func closeAll() {
        for loop in loops { loop.eventLoop.execute { loop.context.value.closeAll() } }
    }
}
