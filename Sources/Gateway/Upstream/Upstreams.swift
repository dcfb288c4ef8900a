import Model
import NIOCore
import NIOPosix
import Pool

/// One event loop's connections to workers: idle ones, found by the worker's slot, and the making of new ones.
final class Upstreams {
    /// Kept for one worker by one loop.
    static let idleLimit = 256
    static let connectTimeout = TimeAmount.seconds(5)

    private let eventLoop: any EventLoop
    /// By the worker's slot.
    private var slots: ContiguousArray<Slot> = []

    private struct Slot {
        var idle: ContiguousArray<UpstreamConnection> = []
        /// The fewest that were idle since the last `trim`: so many were not needed.
        var fewest = 0
    }

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func takeIdle(_ endpoint: WorkerEndpoint) -> UpstreamConnection? {
        let slot = endpoint.slot
        guard slot < slots.count else { return nil }
        while let connection = slots[slot].idle.popLast() {
            slots[slot].fewest = min(slots[slot].fewest, slots[slot].idle.count)
            if connection.endpoint === endpoint, connection.isActive { return connection }
            connection.close()
        }
        return nil
    }

    func putIdle(_ connection: UpstreamConnection) {
        let endpoint = connection.endpoint
        let slot = endpoint.slot
        while slots.count <= slot { slots.append(Slot()) }
        guard connection.isActive, !endpoint.isRetired(on: self), slots[slot].idle.count < Self.idleLimit else {
            return connection.close()
        }
        slots[slot].idle.append(connection)
    }

    /// The worker will be stopped: its connections go first, so that none is chosen in the moment in which it ends.
    func closeIdle(_ endpoint: WorkerEndpoint) {
        retired.insert(endpoint.worker)
        guard endpoint.slot < slots.count else { return }
        let connections = slots[endpoint.slot].idle.filter { $0.endpoint === endpoint }
        slots[endpoint.slot].idle.removeAll { $0.endpoint === endpoint }
        for connection in connections { connection.close() }
    }

    /// Closes what was idle all the time since the last call. The last of them stays: the next request wants it.
    func trim() {
        for slot in slots.indices {
            let spare = min(slots[slot].fewest, slots[slot].idle.count) - 1
            if spare > 0 {
                let old = Array(slots[slot].idle.prefix(spare))
                slots[slot].idle.removeFirst(spare)
                for connection in old { connection.close() }
            }
            slots[slot].fewest = slots[slot].idle.count
        }
    }

    /// Workers that are being stopped: a connection that comes back from its last answer is not kept.
    fileprivate var retired: Set<WorkerNumber> = []
    func forget(_ worker: WorkerNumber) { retired.remove(worker) }

    func connectionEnded(_ connection: UpstreamConnection) {
        let slot = connection.endpoint.slot
        guard slot < slots.count else { return }
        slots[slot].idle.removeAll { $0 === connection }
    }

    func connect(_ endpoint: WorkerEndpoint, for client: ClientConnection) {
        let upstreams = NIOLoopBound(self, eventLoop: eventLoop)
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(Self.connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = UpstreamConnection(endpoint, upstreams: upstreams.value)
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
        let connecting =
            switch endpoint.address {
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            case .tcp(let port):
                bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1).connect(host: "127.0.0.1", port: port)
            }
        connecting.assumeIsolated().whenComplete { result in
            do {
                let channel = try result.get()
                let connection = try channel.pipeline.syncOperations.handler(type: UpstreamConnection.self)
                connection.connected()
                client.upstreamConnected(connection)
            } catch {
                client.upstreamConnectFailed(endpoint, error)
            }
        }
    }
}

extension WorkerEndpoint {
    fileprivate func isRetired(on upstreams: Upstreams) -> Bool { upstreams.retired.contains(worker) }
}
