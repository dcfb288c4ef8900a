import Model

/// What is going to happen in a simulation, by time; of one time in the order in which it was entered.
struct Agenda<Event> {
    private struct Entry {
        var time: Instant
        var number: Int
        var event: Event
        static func < (a: Entry, b: Entry) -> Bool { a.time == b.time ? a.number < b.number : a.time < b.time }
    }

    /// A binary heap.
    private var entries: [Entry] = []
    private var lastNumber = 0

    mutating func add(_ event: Event, at time: Instant) {
        lastNumber += 1
        entries.append(Entry(time: time, number: lastNumber, event: event))
        var child = entries.count - 1
        while child > 0, entries[child] < entries[(child - 1) / 2] {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next() -> (time: Instant, event: Event)? {
        guard let first = entries.first else { return nil }
        let last = entries.removeLast()
        guard !entries.isEmpty else { return (first.time, first.event) }
        entries[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count && entries[child] < entries[least]
            {
                least = child
            }
            if least == parent { return (first.time, first.event) }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
