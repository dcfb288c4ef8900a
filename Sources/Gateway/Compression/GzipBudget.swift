import Synchronization

/// How many streams there may be at once, over all event loops: each holds about 210 KiB for as long as its answer takes,
/// which may be as long as a client likes.
package final class GzipBudget: Sendable {
    package let limit: Int
    private let taken = Atomic<Int>(0)

    package init(limit: Int = 256) { self.limit = limit }

    package var inUse: Int { taken.load(ordering: .relaxed) }

    func take() -> Bool {
        guard taken.add(1, ordering: .relaxed).newValue <= limit else {
            giveBack()
            return false
        }
        return true
    }

    func giveBack() { taken.subtract(1, ordering: .relaxed) }
}
