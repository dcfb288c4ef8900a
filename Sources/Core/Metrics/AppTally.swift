import Deploys
import Model
import Pool
import Synchronization

/// What happened to one app since the core started, as far as only events tell it.
struct AppTally: Sendable, Equatable {
    private(set) var spawned: UInt64 = 0
    private(set) var spawnFailures: UInt64 = 0
    private(set) var spawnDuration = DurationHistogram()
    private(set) var replaced: [String: UInt64] = [:]
    private(set) var drainDuration = DurationHistogram()
    private(set) var cutRequests: UInt64 = 0
    private(set) var ended: [OperationKind: [OperationResult: UInt64]] = [:]
    /// Generations that have had the traffic, until they are gone; since when they drain.
    private var served: [GenerationNumber: Instant?] = [:]

    mutating func happened(_ event: PoolEvent, at now: Instant) {
        switch event.kind {
        case .workerReady(_, let time, _):
            spawned += 1
            spawnDuration.add(time)
        case .bootFailed: spawnFailures += 1
        case .workerWorn(_, let wear): replaced[wear.label, default: 0] += 1
        case .switched(let from, _):
            for number in [from, event.generation] {
                if let number, served[number] == nil { served.updateValue(nil, forKey: number) }
            }
        case .draining:
            if let number = event.generation, served[number] != nil { served.updateValue(now, forKey: number) }
        case .drainDeadline(let inFlight): cutRequests += UInt64(inFlight)
        case .generationGone:
            guard let number = event.generation, let since = served.removeValue(forKey: number), let since else {
                break
            }
            drainDuration.add(now - since)
        default: break
        }
    }

    mutating func operationEnded(_ kind: OperationKind, _ result: OperationResult) {
        ended[kind, default: [:]][result, default: 0] += 1
    }

    /// With zeros for the results that everybody asks about.
    func results(_ kind: OperationKind, always: [OperationResult]) -> [String: UInt64] {
        var results = Dictionary(uniqueKeysWithValues: always.map { ($0.label, UInt64(0)) })
        for (result, count) in ended[kind] ?? [:] { results[result.label] = count }
        return results
    }
}

extension OperationResult {
    fileprivate var label: String { self == .rolledBack ? "rolled_back" : rawValue }
}

extension Wear {
    fileprivate var label: String {
        switch self {
        case .requests: "max_requests"
        case .memory: "memory_limit"
        case .unhealthy: "unhealthy"
        case .byHand: "by_hand"
        }
    }
}

/// Of all apps, from any thread. Events are few: no request comes by here.
final class Tallies: Sendable {
    private let apps = Mutex<[AppName: AppTally]>([:])

    subscript(_ app: AppName) -> AppTally { apps.withLock { $0[app] ?? AppTally() } }

    func happened(_ event: PoolEvent, at now: Instant) {
        apps.withLock { $0[event.app, default: AppTally()].happened(event, at: now) }
    }

    /// The others are served no more.
    func keep(_ names: Set<AppName>) {
        apps.withLock { apps in if apps.count > names.count { apps = apps.filter { names.contains($0.key) } } }
    }

    func operationEnded(_ app: AppName, _ kind: OperationKind, _ result: OperationResult) {
        apps.withLock { $0[app, default: AppTally()].operationEnded(kind, result) }
    }
}
