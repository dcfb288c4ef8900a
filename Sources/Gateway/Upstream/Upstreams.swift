import Glibc
import Linux
import Model
import NIOCore
import Pool
import Sockets

/// One event loop's connections to workers: idle ones, found by the worker's slot, and the making of new ones.
final class Upstreams {
    /// Kept for one worker by one loop.
    static let idleLimit = 256
    /// Within so long of its last answer no program closes a connection for being idle.
    static let safeIdleTime = TimeAmount.milliseconds(500)
    static let connectTimeout = TimeAmount.seconds(5)

    /// So long may a worker leave a request unread before it is taken back.
    static let patience = TimeAmount.milliseconds(25)

    private let loop: SocketLoop
    let events: LoopEvents
    /// By the worker's slot.
    private var slots: ContiguousArray<Slot> = []
    /// Connections to workers that get requests ahead.
    private var watched: [UpstreamConnection] = []
    private var isWatching = false
    /// Connections that are being made, and for whom.
    private var connecting: [(connection: UpstreamConnection, client: ClientConnection)] = []

    private struct Slot {
        var idle: ContiguousArray<UpstreamConnection> = []
        /// The fewest that were idle since the last `trim`: so many were not needed.
        var fewest = 0
    }

    init(loop: SocketLoop, events: LoopEvents) {
        self.loop = loop
        self.events = events
    }

    var time: NIODeadline { loop.time }

    /// The one that was used last, unless it has been idle for longer than `limit`.
    func takeIdle(_ endpoint: WorkerEndpoint, idleFor limit: TimeAmount?) -> UpstreamConnection? {
        let slot = endpoint.slot
        guard slot < slots.count else { return nil }
        if let limit, let last = slots[slot].idle.last, loop.time - last.idleSince > limit { return nil }
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
        guard connection.isActive, keepsIdle, retired.isEmpty || !retired.contains(endpoint.worker),
            slots[slot].idle.count < Self.idleLimit
        else { return connection.close() }
        connection.idleSince = loop.time
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

    /// A worker that serves one connection at a time is another core's from now on.
    func keepNone() {
        keepsIdle = false
        for slot in slots.indices {
            let connections = slots[slot].idle
            slots[slot].idle = []
            for connection in connections { connection.close() }
        }
    }
    private var keepsIdle = true

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
    private var retired: Set<WorkerNumber> = []
    func forget(_ worker: WorkerNumber) { retired.remove(worker) }

    func connectionEnded(_ connection: UpstreamConnection, _ end: SocketEnd) {
        if let index = connecting.firstIndex(where: { $0.connection === connection }) {
            let client = connecting.remove(at: index).client
            let number: Int32 = if case .failed(let number) = end { number } else { ETIMEDOUT }
            return client.upstreamConnectFailed(connection.endpoint, errno: number)
        }
        let slot = connection.endpoint.slot
        if connection.endpoint.takesAhead { watched.removeAll { $0 === connection } }
        guard slot < slots.count else { return }
        slots[slot].idle.removeAll { $0 === connection }
    }

    // MARK: Requests that were sent ahead

    /// A request is being sent to a worker that serves one at a time, perhaps behind another. Both are looked after: which
    /// of them the worker takes first is its own choice.
    func watch() {
        guard !isWatching else { return }
        isWatching = true
        loop.assumeIsolated().scheduleTask(in: Self.patience) { [weak self] in self?.lookAfterUnread() }
    }

    private func lookAfterUnread() {
        isWatching = false
        var isWaiting = false
        let deadline = loop.time - Self.patience
        var unread: [ClientConnection] = []
        for connection in watched {
            switch connection.progress(since: deadline) {
            case .none: break
            case .fine: isWaiting = true
            case .unread:
                isWaiting = true
                if let owner = connection.owner { unread.append(owner) }
            }
        }
        for client in unread { client.upstreamIsSlow() }
        if isWaiting { watch() }
    }

    // MARK: New ones

    /// Tells the client, perhaps before it returns.
    func connect(_ endpoint: WorkerEndpoint, for client: ClientConnection) {
        let connection = UpstreamConnection(endpoint, upstreams: self)
        let result =
            switch endpoint.address {
            case .unix(let path): StreamSocket.connect(unix: path, loop: loop, owner: connection)
            case .tcp(let port): StreamSocket.connect(port: port, loop: loop, owner: connection)
            }
        switch result {
        case .connected(let socket):
            connection.attach(socket)
            // Set before the client may lose it again.
            if endpoint.takesAhead { watched.append(connection) }
            client.upstreamConnected(connection)
        case .pending(let socket):
            connection.attach(socket)
            connecting.append((connection, client))
            limitTime(of: connection)
        case .failed(let number): client.upstreamConnectFailed(endpoint, errno: number)
        }
    }

    func connected(_ connection: UpstreamConnection) {
        guard let index = connecting.firstIndex(where: { $0.connection === connection }) else { return }
        connecting.remove(at: index).client.upstreamConnected(connection)
    }

    private func limitTime(of connection: UpstreamConnection) {
        loop.assumeIsolated().scheduleTask(in: Self.connectTimeout) { [weak self, weak connection] in
            guard let self, let connection, connecting.contains(where: { $0.connection === connection }) else { return }
            connection.close()
        }
    }
}
