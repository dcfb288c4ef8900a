package import Model

/// Where an app's requests go. One immutable value, replaced whole under the lock and read once by a checkout, in the same
/// step in which the worker is claimed: that is the atomic switch.
package struct RoutingTable: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package let generation: GenerationNumber
        /// Share of the requests, relative to the other entries. At least 1.
        package let weight: Int
        package init(generation: GenerationNumber, weight: Int) {
            precondition(weight > 0, "a generation without a share is not in the table")
            self.generation = generation
            self.weight = weight
        }
    }

    /// Empty as long as no generation has ever been live.
    package let entries: [Entry]
    private let totalWeight: Int

    package static let empty = RoutingTable([])

    package init(_ entries: [Entry]) {
        self.entries = entries
        totalWeight = entries.reduce(0) { $0 + $1.weight }
    }

    package init(all generation: GenerationNumber) {
        self.init([Entry(generation: generation, weight: 1)])
    }

    package var isEmpty: Bool { entries.isEmpty }

    /// The first: what the app's traffic belongs to. Others have a share of it.
    package var primary: GenerationNumber? { entries.first?.generation }

    package func contains(_ generation: GenerationNumber) -> Bool {
        entries.contains { $0.generation == generation }
    }

    /// Index of the entry that a request goes to, given a random number. The table must not be empty.
    func choose(_ random: @autoclosure () -> UInt64) -> Int {
        guard entries.count > 1 else { return 0 }
        var rest = Int(random() % UInt64(totalWeight))
        for (index, entry) in entries.enumerated() {
            if rest < entry.weight { return index }
            rest -= entry.weight
        }
        return entries.count - 1
    }
}
