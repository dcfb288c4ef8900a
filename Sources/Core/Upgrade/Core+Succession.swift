import Model
import Pool
import Spawning

/// This core takes the place of another one.
extension Core {
    /// Until that one has handed over; returns what it had.
    func waitForHandOver() async throws -> Succession {
        try link.send(.prepared(version: plan.programVersion))
        var inherited = Succession(children: [])
        for await news in succession {
            switch news {
            case .child(let child): inherited.children.append(child)
            case .begin(let clients):
                inherited.clients = clients
                return inherited
            }
        }
        return inherited
    }

    /// What the core before still does at our workers.
    func take(_ loads: [WorkerLoad], _ spawner: WorkerSpawner) {
        if loads.isEmpty { return pool.foreignLoadsOver() }
        let workers = Dictionary(
            spawner.workerTags().map { ($0.value, $0.key) }, uniquingKeysWith: { first, _ in first })
        for load in loads {
            guard let worker = workers[load.tag] else { continue }
            pool.foreignLoad(WorkerShare(requests: Int(load.requests), streams: Int(load.streams)), at: worker)
        }
    }
}

/// What a core has from the one before.
struct Succession: Sendable {
    var children: [InheritedChild]
    /// A packet socket on which its clients come.
    var clients: Int32?
}

enum SuccessionNews: Sendable {
    case child(InheritedChild)
    case begin(clients: Int32?)
}
