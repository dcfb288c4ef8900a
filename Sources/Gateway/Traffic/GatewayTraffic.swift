package import Model
import NIOCore
package import Pool
import Sockets
import Synchronization

/// What all loops have counted, summed up.
package struct GatewayTraffic: Sendable {
    private var apps: ContiguousArray<AppTraffic> = []
    private var unrouted = [UInt64](repeating: 0, count: StatusClass.allCases.count)
    package fileprivate(set) var listeners: [ListenerTraffic] = []
    /// Connections that were ended at once because there were `max_connections`.
    package fileprivate(set) var refusedConnections = 0

    package init() {}

    /// All zeros for one that had no request yet.
    package subscript(_ app: AppIndex) -> AppTraffic { app.rawValue < apps.count ? apps[app.rawValue] : AppTraffic() }

    /// Answers to what belonged to no app.
    package func unrouted(_ status: StatusClass) -> UInt64 { unrouted[status.rawValue] }

    mutating func add(_ loop: LoopTraffic) {
        while apps.count < loop.apps.count { apps.append(AppTraffic()) }
        for index in loop.apps.indices { apps[index].add(loop.apps[index]) }
        for index in unrouted.indices { unrouted[index] &+= loop.unrouted[index] }
    }
}

/// Clients' connections of one address.
package struct ListenerTraffic: Sendable, Equatable {
    package var name: String
    package var open: Int
    package var accepted: Int
}

extension Gateway {
    /// Each loop is asked in turn, and goes on at once.
    package func traffic() async -> GatewayTraffic {
        var sum = GatewayTraffic()
        for loop in loops {
            // A loop that is shut down has nothing to say any more.
            guard let counted = try? await loop.eventLoop.submit({ loop.context.value.traffic }).get() else { continue }
            sum.add(counted)
        }
        sum.listeners = listenerCounts.withLock { counts in
            counts.map { ListenerTraffic(name: $0.key, open: $0.value.open, accepted: $0.value.accepted) }
        }.sorted { $0.name < $1.name }
        sum.refusedConnections = refusedConnections.load(ordering: .relaxed)
        return sum
    }

    /// It is gone, and so is what was counted of it alone.
    package func forgetTraffic(of generation: GenerationNumber, _ app: AppIndex) {
        for loop in loops { loop.eventLoop.execute { loop.context.value.traffic.forget(generation, of: app) } }
    }

    /// It is served no more.
    package func forgetTraffic(of app: AppIndex) {
        for loop in loops { loop.eventLoop.execute { loop.context.value.traffic.forget(app) } }
    }

    func listenerCount(_ name: String) -> ListenerCount {
        listenerCounts.withLock { counts in
            let count = counts[name] ?? ListenerCount()
            counts[name] = count
            return count
        }
    }
}

/// Of one address, over all its sockets and loops. Written once for a connection, not for a request.
final class ListenerCount: Sendable {
    private let opened = Atomic<Int>(0)
    private let closed = Atomic<Int>(0)

    var accepted: Int { opened.load(ordering: .relaxed) }
    /// Closed is read first: a connection that ends meanwhile counts as open.
    var open: Int {
        let closed = closed.load(ordering: .relaxed)
        return max(0, opened.load(ordering: .relaxed) - closed)
    }

    func add() { opened.wrappingAdd(1, ordering: .relaxed) }
    func remove() { closed.wrappingAdd(1, ordering: .relaxed) }
}
