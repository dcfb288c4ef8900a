/// Values with places that stay the same while they are in it, in the order of their last use.
struct RecencyList<Value: Sendable>: Sendable {
    private struct Node: Sendable {
        var value: Value?
        var newer: Int
        var older: Int
    }

    private var nodes: [Node] = []
    private var free: [Int] = []
    private var newest = -1
    private var oldest = -1
    private(set) var count = 0

    /// The place of the value that was not used for longest.
    var last: Int? { oldest < 0 ? nil : oldest }

    /// Nil for a place that is not taken.
    subscript(place: Int) -> Value? { nodes.indices.contains(place) ? nodes[place].value : nil }

    /// As the newest.
    mutating func insert(_ value: Value) -> Int {
        let place: Int
        if let reused = free.popLast() {
            place = reused
            nodes[place].value = value
        } else {
            place = nodes.count
            nodes.append(Node(value: value, newer: -1, older: -1))
        }
        link(place)
        count += 1
        return place
    }

    mutating func touch(_ place: Int) {
        guard place != newest else { return }
        unlink(place)
        link(place)
    }

    mutating func remove(_ place: Int) -> Value? {
        guard nodes.indices.contains(place), let value = nodes[place].value else { return nil }
        unlink(place)
        nodes[place].value = nil
        free.append(place)
        count -= 1
        return value
    }

    /// Every place that is taken, the newest first.
    var places: [Int] {
        var result: [Int] = []
        var place = newest
        while place >= 0 {
            result.append(place)
            place = nodes[place].older
        }
        return result
    }

    private mutating func link(_ place: Int) {
        nodes[place].newer = -1
        nodes[place].older = newest
        if newest >= 0 { nodes[newest].newer = place } else { oldest = place }
        newest = place
    }

    private mutating func unlink(_ place: Int) {
        let node = nodes[place]
        if node.newer >= 0 { nodes[node.newer].older = node.older } else { newest = node.older }
        if node.older >= 0 { nodes[node.older].newer = node.newer } else { oldest = node.newer }
    }
}
