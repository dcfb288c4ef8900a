package import AccessLog
package import Compression
internal import Glibc
package import HTTP1
import Linux
package import Model
package import NIOCore
package import NIOPosix
package import Pool
package import ResponseCache
package import Sockets
import Synchronization
package import TLS

/// What all event loops' contexts are made from.
package struct GatewayParts: Sendable {
    package var pool: Pool
    package var budget: BufferBudget
    package var threads: NIOThreadPool
    package var bufferDirectory: String
    package var errorPages: ErrorPages
    /// Value of the Server field for answers without one; empty for none.
    package var serverField: String
    package var trusted: AddressRanges
    package var maxConnections: Int
    /// For listeners that speak TLS.
    package var certificates: CertificateStore?
    /// Plain requests are sent to https on this port; nil when they are served.
    package var redirectPort: Int?
    /// How often deadlines are looked at.
    package var sweepInterval = TimeAmount.seconds(1)
    /// How long a connection whose answers are all out is read on, before it is closed.
    package var lingerTime = TimeAmount.seconds(2)
    package var streamAge = TimeAmount.seconds(10)
    package var cache: ResponseCache?
    package var accessLog: AccessLogWriter?
    package var gzipBudget = GzipBudget()
    package var report: @Sendable (GatewayEvent) -> Void

    package init(
        pool: Pool, budget: BufferBudget, threads: NIOThreadPool, bufferDirectory: String, errorPages: ErrorPages,
        serverField: String, trusted: AddressRanges, maxConnections: Int,
        report: @escaping @Sendable (GatewayEvent) -> Void
    ) {
        self.pool = pool
        self.budget = budget
        self.threads = threads
        self.bufferDirectory = bufferDirectory
        self.errorPages = errorPages
        self.serverField = serverField
        self.trusted = trusted
        self.maxConnections = maxConnections
        self.report = report
    }
}

/// A listening socket of the supervisor's, to be served.
package struct GatewayListener: Sendable {
    /// Siblings of one address have the same.
    package var name: String
    package var descriptor: Int32
    /// Unix sockets, and those of a socket unit, are one descriptor for all loops: one loop accepts, the connections are spread.
    package var isShared: Bool
    /// Needs `GatewayParts.certificates`.
    package var isTLS: Bool
    /// Each connection begins with a PROXY protocol header, and is refused without.
    package var proxyProtocol: Bool
    package init(
        descriptor: Int32, name: String = "", isShared: Bool, isTLS: Bool = false, proxyProtocol: Bool = false
    ) {
        self.name = name
        self.descriptor = descriptor
        self.isShared = isShared
        self.isTLS = isTLS
        self.proxyProtocol = proxyProtocol
    }
}

/// The HTTP front: accepts on the supervisor's listeners and owns the event loops' contexts. The rest of the core
/// reaches the loops only through here.
package final class Gateway: Sendable {
    struct Loop: Sendable {
        let eventLoop: SocketLoop
        let context: NIOLoopBoundBox<LoopContext>
        let routeCounts: SharedRouteCounts
    }

    private let group: SocketLoopGroup
    let loops: [Loop]
    let parts: GatewayParts
    let acceptors = Mutex<[Acceptor]>([])
    private let nextLoop = Atomic<Int>(0)
    private let maxConnections: Atomic<Int>
    let accessLog: Mutex<AccessLogWriter?>
    let connections = ConnectionCount()
    let listenerCounts = Mutex<[String: ListenerCount]>([:])
    let refusedConnections = Atomic<Int>(0)

    package init(group: SocketLoopGroup, parts: GatewayParts) async throws {
        self.group = group
        self.parts = parts
        maxConnections = Atomic(parts.maxConnections)
        accessLog = Mutex(parts.accessLog)
        var loops: [Loop] = []
        for eventLoop in group.loops {
            let (context, routeCounts) = try await eventLoop.submit {
                let own = LoopContext(eventLoop: eventLoop, shared: parts)
                let context = NIOLoopBoundBox(own, eventLoop: eventLoop)
                eventLoop.scheduleRepeatedTask(initialDelay: parts.sweepInterval, delay: parts.sweepInterval) { _ in
                    context.value.sweep()
                    // One cache for all loops.
                    if eventLoop.index == 0 { parts.cache?.tick(now: monotonicNow()) }
                }
                return (context, own.routeCounts)
            }.get()
            loops.append(Loop(eventLoop: eventLoop, context: context, routeCounts: routeCounts))
        }
        self.loops = loops
    }

    /// Open client connections.
    package var connectionCount: Int { connections.value }

    /// Takes effect for each loop's next request.
    package func setRoutes(_ routes: [Route]) {
        for loop in loops { loop.eventLoop.execute { loop.context.value.router = Router(routes) } }
    }

    /// Starts accepting. The descriptors belong to the gateway from here on; the supervisor keeps its own copies.
    package func open(_ listeners: [GatewayListener]) async throws {
        let reserve = DescriptorReserve.ofThisProcess
        for (index, listener) in listeners.enumerated() {
            let loop = loops[index % loops.count]
            let count = listenerCount(listener.name)
            let acceptor = try await loop.eventLoop.submit { [self] in
                try Acceptor(
                    ListeningSocket(
                        Descriptor(owning: listener.descriptor), loop: loop.eventLoop,
                        accepted: { [self] in
                            accept(
                                $0, from: listener, count, on: listener.isShared ? anyLoop() : loop, acceptedOn: loop)
                        },
                        isLast: { [connections] in reserve.isTouched(by: $0, clients: connections.value) },
                        failed: { loop.context.value.log(.acceptFailed(reason: $0.withRemedy)) }),
                    loop.eventLoop, name: listener.name)
            }.get()
            acceptors.withLock { $0.append(acceptor) }
        }
    }

    /// Of an address that is given up: what waits on it is still taken; connections that are there go on.
    package func close(_ names: Set<String>) async {
        let gone = acceptors.withLock { acceptors in
            let gone = acceptors.filter { names.contains($0.name) }
            acceptors.removeAll { names.contains($0.name) }
            return gone
        }
        for acceptor in gone { await acceptor.finish() }
        // Connections of it may go on; they are counted no more.
        listenerCounts.withLock { counts in for name in names { counts[name] = nil } }
    }

    /// From the next connection, request or buffer on.
    package func use(_ settings: GatewaySettings) {
        maxConnections.store(settings.maxConnections, ordering: .relaxed)
        parts.budget.setLimits(memory: settings.bufferMemoryLimit, disk: settings.bufferDiskLimit)
        for loop in loops { loop.eventLoop.execute { loop.context.value.use(settings) } }
    }

    /// Another access log, or none. The lines of the one before are all written to it.
    package func use(accessLog new: AccessLogWriter?) async {
        let old = accessLog.withLock { log in
            defer { log = new }
            return log
        }
        for loop in loops { try? await loop.eventLoop.submit { loop.context.value.use(accessLog: new) }.get() }
        guard let old else { return }
        _ = try? await parts.threads.runIfActive { old.close(within: .seconds(1)) }
    }

    /// Calls `then`, on some loop. Never, if one of them does not get to it.
    package func whenEachLoopHadItsTurn(_ then: @escaping @Sendable () -> Void) {
        let remaining = Countdown(loops.count, then)
        for loop in loops { loop.eventLoop.execute { remaining.step() } }
    }

    func anyLoop() -> Loop {
        let turn = nextLoop.wrappingAdd(1, ordering: .relaxed).oldValue
        return loops[Int(UInt(bitPattern: turn) % UInt(loops.count))]
    }

    private func accept(
        _ descriptor: consuming Descriptor, from listener: GatewayListener, _ count: ListenerCount, on loop: Loop,
        acceptedOn accepting: Loop
    ) {
        let limit = maxConnections.load(ordering: .relaxed)
        guard connections.add() <= limit else {
            connections.remove()
            refusedConnections.wrappingAdd(1, ordering: .relaxed)
            return accepting.context.value.log(.tooManyConnections(limit: limit))
        }
        count.add()
        if loop.eventLoop === accepting.eventLoop { return serve(descriptor, from: listener, count, on: loop) }
        let number = descriptor.release()
        loop.eventLoop.execute { [self] in serve(Descriptor(owning: number), from: listener, count, on: loop) }
    }

    private func serve(
        _ descriptor: consuming Descriptor, from listener: GatewayListener, _ count: ListenerCount, on loop: Loop
    ) {
        if listener.isTLS || listener.proxyProtocol { return begin(descriptor, from: listener, count, on: loop) }
        let context = loop.context.value
        let transport = PlainTransport { [connections] in connections.remove(from: count) }
        do throws(SystemError) {
            let socket = try StreamSocket(descriptor, loop: loop.eventLoop, owner: transport)
            transport.attach(socket)
            guard let ends = SocketEnds(socket) else { return socket.close() }
            if ends.peer != nil { socket.setNoDelay() }
            let origin = ConnectionOrigin(listener: listener.name, peer: ends.peer, local: ends.local)
            let peer = PeerFacts(origin, trusted: context.trusted)
            _ = ClientConnection(loop: context, peer: peer, transport: transport)
        } catch {
            connections.remove(from: count)
            context.log(.acceptFailed(reason: error.description))
        }
    }

    /// A connection that has to say first what it is, or whose.
    private func begin(
        _ descriptor: consuming Descriptor, from listener: GatewayListener, _ count: ListenerCount, on loop: Loop
    ) {
        let context = loop.context.value
        let opening = OpeningConnection(listener, loop: context) { [connections] in connections.remove(from: count) }
        do throws(SystemError) {
            let socket = try StreamSocket(descriptor, loop: loop.eventLoop, owner: opening)
            guard let ends = SocketEnds(socket) else {
                socket.close()
                return connections.remove(from: count)
            }
            if ends.peer != nil { socket.setNoDelay() }
            opening.attach(socket, ends)
        } catch {
            connections.remove(from: count)
            context.log(.acceptFailed(reason: error.description))
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

    /// `PoolDelegate.endStreams`.
    package func endStreams(
        of app: AppIndex, generation: GenerationNumber, worker: WorkerNumber?, spreadOver window: Duration
    ) {
        for loop in loops {
            loop.eventLoop.execute { loop.context.value.endStreams(of: app, generation, worker, window) }
        }
    }

    /// The generation is gone, and so is what its workers answered.
    package func forget(_ generation: GenerationNumber, of app: AppName) {
        parts.cache?.dropGeneration(generation, of: app, now: monotonicNow())
    }

    /// What a generation answered since it had its first request, by route; those with most requests first.
    package func routes(of generation: GenerationNumber, _ app: AppIndex) -> [RouteTraffic] {
        var merged: [String: RouteTraffic] = [:]
        for loop in loops {
            for route in loop.routeCounts.withLock({ $0.routes(of: generation, app) }) {
                merged[route.name, default: RouteTraffic(name: route.name, requests: 0, errors: 0)].requests +=
                    route.requests
                merged[route.name]?.errors += route.errors
                merged[route.name]?.seconds += route.seconds
            }
        }
        return merged.values.sorted { ($0.requests, $1.name) > ($1.requests, $0.name) }
    }

    package func forgetRoutes(of generation: GenerationNumber, _ app: AppIndex) {
        for loop in loops { loop.routeCounts.withLock { $0.forget(generation, of: app) } }
    }

    /// The access log's file was moved away: lines go to a new one of its name.
    package func reopenLogs() { accessLog.withLock { $0 }?.reopen() }
}

func take<Element>(_ list: inout [Element]) -> [Element] {
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

extension SystemError {
    fileprivate var withRemedy: String {
        errno == EMFILE ? "\(self); raise the limit of open files (LimitNOFILE), or lower max_connections" : description
    }
}

/// Open client connections of all loops.
final class ConnectionCount: Sendable {
    private let count = Atomic<Int>(0)
    private let waiter = Mutex<(@Sendable () -> Void)?>(nil)
    var value: Int { count.load(ordering: .relaxed) }
    func add() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }

    func remove(from listener: ListenerCount) {
        listener.remove()
        remove()
    }

    func remove() {
        if count.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 { stopWaiting() }
    }

    /// Calls back once: when there is none, or when nobody wants to wait any more.
    func whenNone(_ body: @escaping @Sendable () -> Void) {
        waiter.withLock { $0 = body }
        // The last one may have gone before that.
        if value == 0 { stopWaiting() }
    }

    func stopWaiting() {
        let body = waiter.withLock { waiter in
            defer { waiter = nil }
            return waiter
        }
        body?()
    }
}

/// A listening socket, closed from anywhere on its own loop. `@unchecked Sendable`: `socket` is used on its loop only.
final class Acceptor: @unchecked Sendable {
    let name: String
    private let socket: ListeningSocket
    private let loop: SocketLoop
    init(_ socket: ListeningSocket, _ loop: SocketLoop, name: String) {
        self.socket = socket
        self.loop = loop
        self.name = name
    }
    func close() async { await onLoop { $0.close() } }

    /// Takes what waits, then closes.
    func finish() async {
        await onLoop { socket in
            socket.acceptWaiting()
            socket.close()
        }
    }

    private func onLoop(_ body: @escaping @Sendable (ListeningSocket) -> Void) async {
        await withCheckedContinuation { done in
            loop.execute { [self] in
                body(socket)
                done.resume()
            }
        }
    }
}
