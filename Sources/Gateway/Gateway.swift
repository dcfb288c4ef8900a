package import NIOCore
package import NIOPosix
package import Pool
import Synchronization

/// What all event loops' contexts are made from.
package struct GatewayParts: Sendable {
    package var pool: Pool
    package var budget: BufferBudget
    package var threads: NIOThreadPool
    package var bufferDirectory: String
    package var errorPages: ErrorPages
    /// Value of the Server field for answers without one; empty for none.
    package var serverField: String
    package var trustedProxies: TrustedProxies
    package var maxConnections: Int
    /// How often deadlines are looked at.
    package var sweepInterval = TimeAmount.seconds(1)
    /// How long a connection whose answers are all out is read on, before it is closed.
    package var lingerTime = TimeAmount.seconds(2)
    package var report: @Sendable (GatewayEvent) -> Void

    package init(
        pool: Pool, budget: BufferBudget, threads: NIOThreadPool, bufferDirectory: String, errorPages: ErrorPages,
        serverField: String, trustedProxies: TrustedProxies, maxConnections: Int,
        report: @escaping @Sendable (GatewayEvent) -> Void
    ) {
        self.pool = pool
        self.budget = budget
        self.threads = threads
        self.bufferDirectory = bufferDirectory
        self.errorPages = errorPages
        self.serverField = serverField
        self.trustedProxies = trustedProxies
        self.maxConnections = maxConnections
        self.report = report
    }
}

/// A listening socket of the supervisor's, to be served.
package struct GatewayListener: Sendable {
    package var descriptor: Int32
    /// Unix sockets are one descriptor for all loops: one loop accepts, the connections are spread.
    package var isShared: Bool
    package init(descriptor: Int32, isShared: Bool) {
        self.descriptor = descriptor
        self.isShared = isShared
    }
}

/// The HTTP front: accepts on the supervisor's listeners and owns the event loops' contexts. The rest of the core
/// reaches the loops only through here.
package final class Gateway: Sendable {
    private struct Loop: Sendable {
        let eventLoop: any EventLoop
        let context: NIOLoopBoundBox<LoopContext>
    }

    private let group: MultiThreadedEventLoopGroup
    private let loops: [Loop]
    private let parts: GatewayParts
    private let acceptors = Mutex<[any Channel]>([])
    private let connections = Atomic<Int>(0)

    package init(group: MultiThreadedEventLoopGroup, parts: GatewayParts) async throws {
        self.group = group
        self.parts = parts
        var loops: [Loop] = []
        for eventLoop in group.makeIterator() {
            let context = try await eventLoop.submit {
                let context = NIOLoopBoundBox(
                    LoopContext(eventLoop: eventLoop, shared: parts), eventLoop: eventLoop)
                eventLoop.scheduleRepeatedTask(initialDelay: parts.sweepInterval, delay: parts.sweepInterval) { _ in
                    context.value.sweep()
                }
                return context
            }.get()
            loops.append(Loop(eventLoop: eventLoop, context: context))
        }
        self.loops = loops
    }

    /// Open client connections.
    package var connectionCount: Int { connections.load(ordering: .relaxed) }

    /// Takes effect for each loop's next request.
    package func setRoutes(_ routes: [Route]) {
        for loop in loops { loop.eventLoop.execute { loop.context.value.router = Router(routes) } }
    }

    /// Starts accepting. The descriptors belong to NIO from here on; the supervisor keeps its own copies.
    package func open(_ listeners: [GatewayListener]) async throws {
        for (index, listener) in listeners.enumerated() {
            let loop = loops[index % loops.count]
            let children: any EventLoopGroup = listener.isShared ? group : loop.eventLoop
            let channel = try await ServerBootstrap(group: loop.eventLoop, childGroup: children)
                .serverChannelOption(.maxMessagesPerRead, value: 64)
                .childChannelOption(.maxMessagesPerRead, value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { [self] channel in accept(channel) }
                .withBoundSocket(listener.descriptor)
                .get()
            acceptors.withLock { $0.append(channel) }
        }
    }

    private func accept(_ channel: any Channel) -> EventLoopFuture<Void> {
        let count = connections.wrappingAdd(1, ordering: .relaxed).newValue
        channel.closeFuture.whenComplete { [self] _ in connections.wrappingSubtract(1, ordering: .relaxed) }
        return channel.eventLoop.makeCompletedFuture {
            guard let loop = loops.first(where: { $0.eventLoop === channel.eventLoop }) else { return }
            guard count <= parts.maxConnections else {
                loop.context.value.log(.tooManyConnections(limit: parts.maxConnections))
                throw IOError(errnoCode: EMFILE, reason: "max_connections")
            }
            let peer = PeerFacts(channel: channel, trusted: parts.trustedProxies)
            try channel.pipeline.syncOperations.addHandler(ClientConnection(loop: loop.context.value, peer: peer))
        }
    }

    /// Drops every idle connection to a worker on every loop, then calls `then` (on some loop). A connection that comes
    /// back from its last answer is closed instead of kept.
    package func closeIdleConnections(to endpoint: WorkerEndpoint, then: @escaping @Sendable () -> Void) {
        let remaining = Countdown(loops.count, then)
        for loop in loops {
            loop.eventLoop.execute {
                loop.context.value.upstreams.closeIdle(endpoint)
                remaining.step()
            }
        }
    }

    /// The worker will be gone after `time`: what the loops remember of it is dropped then.
    package func forget(_ endpoint: WorkerEndpoint, after time: Duration) {
        for loop in loops {
            loop.eventLoop.scheduleTask(in: TimeAmount(time) + .seconds(5)) {
                loop.context.value.upstreams.forget(endpoint.worker)
            }
        }
    }

    /// Stops accepting, ends idle connections, lets busy ones finish (their answers say `Connection: close`).
    package func drain() async {
        for channel in acceptors.withLock({ take(&$0) }) { try? await channel.close() }
        for loop in loops { loop.eventLoop.execute { loop.context.value.beginDrain() } }
    }

    /// After a drain: gives the last answers time to reach their clients, then ends what is left.
    package func finish(within time: Duration) async {
        let deadline = NIODeadline.now() + TimeAmount(time)
        while connectionCount > 0, NIODeadline.now() < deadline { try? await Task.sleep(for: .milliseconds(10)) }
        closeAll()
    }

    /// Ends every connection as it is.
    package func closeAll() {
        for loop in loops { loop.eventLoop.execute { loop.context.value.closeAll() } }
    }
}

private func take<Element>(_ list: inout [Element]) -> [Element] {
    defer { list = [] }
    return list
}

/// Calls back after so many steps.
private final class Countdown: Sendable {
    private let remaining: Atomic<Int>
    private let done: @Sendable () -> Void
    init(_ count: Int, _ done: @escaping @Sendable () -> Void) {
        remaining = Atomic(count)
        self.done = done
    }
    func step() {
        if remaining.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 { done() }
    }
}
