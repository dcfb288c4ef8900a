import Model
import Pool

/// What a retiring core still has under way at workers that are the next core's: what of it that one has not been told. Pure.
struct WorkerLoads {
    private let tags: [WorkerNumber: ChildTag]
    private var told: [WorkerNumber: WorkerShare] = [:]

    /// - Parameter known: by the snapshot that the next core begins with.
    init(tags: [WorkerNumber: ChildTag], known: [WorkerNumber: WorkerShare]) {
        self.tags = tags
        told = known
    }

    mutating func changes(_ load: (WorkerNumber) -> WorkerShare) -> [WorkerLoad] {
        var changes: [WorkerLoad] = []
        for (worker, tag) in tags.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let now = load(worker)
            guard now != told[worker] ?? .none else { continue }
            told[worker] = now
            changes.append(
                WorkerLoad(tag: tag, requests: UInt32(clamping: now.requests), streams: UInt32(clamping: now.streams)))
        }
        return changes
    }
}
