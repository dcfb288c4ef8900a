import Synchronization

/// So many pages of one kind may be open. A place is given back with the last reference to it, whatever became of its page.
final class ReaderPlaces: Sendable {
    private let free: Mutex<Int>

    init(_ most: Int) { free = Mutex(most) }

    final class Place: Sendable {
        private let places: ReaderPlaces
        fileprivate init(_ places: ReaderPlaces) { self.places = places }
        deinit { places.free.withLock { $0 += 1 } }
    }

    /// Nil when all are taken.
    func take() -> Place? {
        let isTaken = free.withLock { free in
            guard free > 0 else { return false }
            free -= 1
            return true
        }
        return isTaken ? Place(self) : nil
    }
}
