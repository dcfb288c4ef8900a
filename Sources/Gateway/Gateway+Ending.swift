import AccessLog
import Linux
import NIOCore
import NIOPosix
import Sockets
import Synchronization

/// How a gateway comes to its end: because the server stops, or because another core goes on.
extension Gateway {
    /// Stops accepting, ends idle connections, lets busy ones finish (their answers say `Connection: close`).
    package func drain() async {
        for acceptor in acceptors.withLock({ take(&$0) }) { await acceptor.close() }
        for loop in loops { loop.eventLoop.execute { loop.context.value.beginDrain() } }
    }

    /// Another core goes on: stops accepting. Whoever is connected gets the answers to what is under way and to one more
    /// request, each with the end of the connection; an idle one is waited for as long as any idle one. No connection to a
    /// worker is kept.
    package func retire() async {
        for acceptor in acceptors.withLock({ take(&$0) }) { await acceptor.close() }
        for loop in loops { loop.eventLoop.execute { loop.context.value.beginRetirement() } }
    }

    /// After `retire`: idle connections end now.
    package func endIdle() {
        for loop in loops { loop.eventLoop.execute { loop.context.value.beginDrain() } }
    }

    /// When nothing is served any more: hands over the last lines and waits for them to be written, for at most so long.
    package func closeLogs(within time: Duration) async {
        guard let log = accessLog.withLock({ $0 }) else { return }
        for loop in loops { try? await loop.eventLoop.submit { loop.context.value.flushAccessLog() }.get() }
        _ = try? await parts.threads.runIfActive { log.close(within: time) }
    }

    /// After a drain: returns when no client is left, or after `time`.
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
