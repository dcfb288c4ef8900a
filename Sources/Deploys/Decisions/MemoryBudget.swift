package import Model

/// Whether there is memory for more workers, by what those that run take now.
package struct MemoryBudget: Sendable, Equatable {
    /// Proportional set size of one, on average, in bytes.
    package let perWorker: Int
    /// MemAvailable (proc(5)), or what the service's control group leaves, if that is less.
    package let available: Int

    package init(perWorker: Int, available: Int) {
        self.perWorker = max(perWorker, 1)
        self.available = available
    }

    /// The kernel's caches, and whatever else has to go on: not for workers.
    static let reserve = 64 << 20

    /// How many of these may be booted now.
    package func room(for wanted: Int) -> Int {
        max(0, min(wanted, (available - MemoryBudget.reserve) / perWorker))
    }

    package var inWords: String {
        "a worker takes \(MemoryBudget.megabytes(perWorker)), and \(MemoryBudget.megabytes(available)) are free"
    }

    private static func megabytes(_ bytes: Int) -> String { "\((bytes + (1 << 19)) >> 20) MiB" }
}

extension Surge {
    /// Workers that a rolling deploy boots at a time; at least one.
    package func batch(of capacity: Int, perWorker: Int?) -> Int {
        let wanted =
            switch self {
            case .count(let count): count
            case .percent(let percent): Int((Double(capacity) * percent / 100).rounded(.up))
            case .bytes(let bytes): perWorker.map { bytes / max($0, 1) } ?? 1
            }
        return max(1, min(wanted, capacity))
    }
}
