package import Model

/// A request in a queue. Equal by its ticket.
package struct QueuedCheckout: Sendable, Equatable {
    package let ticket: Ticket
    package let waiter: any CheckoutWaiter
    package let since: Instant
    let mayGoAhead: Bool
    package static func == (a: QueuedCheckout, b: QueuedCheckout) -> Bool { a.ticket == b.ticket }
}

/// First in, first out, and out of the middle in constant time when the client goes away.
///
/// Requests wait in lines: most for any worker, those with a sticky session for theirs, and those that need no place for
/// any worker to be there at all. The order in which requests came holds across the lines: whoever may take from two of
/// them takes the older head.
///
/// The lines are lists linked through one slab: memory is that of the longest queue there ever was, whatever the order in
/// which requests leave. A ticket names app, slab place and the place's use count, so that a stale ticket finds nothing.
struct CheckoutQueue {
    enum Line: Hashable {
        case anyPlace
        case unlimited
        /// That worker only; empty unless it is available and routed to.
        case worker(WorkerNumber)
    }

    private struct Node {
        var checkout: QueuedCheckout?
        var previous: Int32 = -1
        var next: Int32 = -1
        var uses: UInt32 = 0
        var line = Line.anyPlace
        /// Counts up with each request that came, and down with each that goes before all.
        var order: Int64 = 0
    }

    private struct Ends {
        var head: Int32 = -1
        var tail: Int32 = -1
    }

    private static let usesMask: UInt32 = 0xFF_FFFF

    private let app: AppIndex
    private var nodes: [Node] = []
    private var free: [Int32] = []
    private var anyPlace = Ends()
    private var unlimited = Ends()
    private var pinned: [WorkerNumber: Ends] = [:]
    private var lastOrder: Int64 = 0
    private var firstOrder: Int64 = 0
    private(set) var count = 0
    /// Those of them that went before all: they had left the queue once.
    private(set) var returned = 0

    init(app: AppIndex) { self.app = app }

    var isEmpty: Bool { count == 0 }
    /// Whether requests wait for whichever worker has room.
    var hasAnyPlace: Bool { anyPlace.head >= 0 }
    var hasUnlimited: Bool { unlimited.head >= 0 }
    /// Whether the first of those may be sent to a busy worker.
    var firstMayGoAhead: Bool { anyPlace.head >= 0 && nodes[Int(anyPlace.head)].checkout?.mayGoAhead ?? false }
    /// The one that has waited longest.
    var first: QueuedCheckout? { oldest().flatMap { nodes[Int($0)].checkout } }
    /// Whether somebody waits for just this worker.
    func isWaiting(for worker: WorkerNumber) -> Bool { !pinned.isEmpty && pinned[worker] != nil }
    var pinnedWorkers: [WorkerNumber] { Array(pinned.keys) }

    /// The app whose queue a ticket belongs to.
    static func app(of ticket: Ticket) -> AppIndex { AppIndex(Int(ticket.rawValue >> 48)) }

    /// - Parameter first: before all that wait.
    mutating func append(
        _ waiter: any CheckoutWaiter, to line: Line, at now: Instant, mayGoAhead: Bool = false, first: Bool = false
    ) -> Ticket {
        let place: Int32
        if let reused = free.popLast() {
            place = reused
        } else {
            place = Int32(nodes.count)
            nodes.append(Node())
        }
        let uses = (nodes[Int(place)].uses &+ 1) & Self.usesMask
        let ticket = Ticket(rawValue: UInt64(app.rawValue) << 48 | UInt64(place) << 24 | UInt64(uses))
        if first {
            firstOrder -= 1
            returned += 1
        } else {
            lastOrder += 1
        }
        nodes[Int(place)] = Node(
            checkout: QueuedCheckout(ticket: ticket, waiter: waiter, since: now, mayGoAhead: mayGoAhead), uses: uses,
            order: first ? firstOrder : lastOrder)
        link(place, into: line, after: first ? -1 : ends(of: line).tail)
        count += 1
        return ticket
    }

    mutating func popFirst() -> QueuedCheckout? { oldest().flatMap { pop($0) } }

    mutating func popFirst(of line: Line) -> QueuedCheckout? {
        let head = ends(of: line).head
        return head < 0 ? nil : pop(head)
    }

    /// The next for a worker that has got room: who waits for it, or for any.
    /// - Parameter ahead: it is busy still.
    mutating func popFirst(for worker: WorkerNumber, ahead: Bool = false) -> QueuedCheckout? {
        let own = pinned.isEmpty ? -1 : pinned[worker]?.head ?? -1
        guard let place = older(own, anyPlace.head) else { return nil }
        if ahead, nodes[Int(place)].checkout?.mayGoAhead != true { return nil }
        return pop(place)
    }

    /// Nil when it is not in the queue any more.
    mutating func remove(_ ticket: Ticket) -> QueuedCheckout? {
        let place = Int(ticket.rawValue >> 24 & 0xFF_FFFF)
        guard place < nodes.count, nodes[place].checkout?.ticket == ticket else { return nil }
        return pop(Int32(place))
    }

    /// The worker takes no more requests: those that waited for it take any, at the places that their age gives them.
    mutating func unpin(_ worker: WorkerNumber) {
        guard !pinned.isEmpty, let ends = pinned.removeValue(forKey: worker) else { return }
        var place = ends.head
        var before: Int32 = -1
        while place >= 0 {
            let next = nodes[Int(place)].next
            var after = before < 0 ? anyPlace.head : nodes[Int(before)].next
            while after >= 0, nodes[Int(after)].order < nodes[Int(place)].order {
                before = after
                after = nodes[Int(after)].next
            }
            link(place, into: .anyPlace, after: before)
            before = place
            place = next
        }
    }

    mutating func unpinAll() {
        for worker in pinnedWorkers { unpin(worker) }
    }

    // MARK: Links

    private func oldest() -> Int32? {
        var place = older(anyPlace.head, unlimited.head)
        for ends in pinned.values { place = older(place ?? -1, ends.head) }
        return place
    }

    private func older(_ a: Int32, _ b: Int32) -> Int32? {
        if a < 0 { return b < 0 ? nil : b }
        return b < 0 || nodes[Int(a)].order < nodes[Int(b)].order ? a : b
    }

    private func ends(of line: Line) -> Ends {
        switch line {
        case .anyPlace: anyPlace
        case .unlimited: unlimited
        case .worker(let worker): pinned[worker] ?? Ends()
        }
    }

    private mutating func setEnds(of line: Line, _ ends: Ends) {
        switch line {
        case .anyPlace: anyPlace = ends
        case .unlimited: unlimited = ends
        case .worker(let worker): pinned[worker] = ends.head < 0 ? nil : ends
        }
    }

    /// - Parameter previous: -1 is the line's beginning.
    private mutating func link(_ place: Int32, into line: Line, after previous: Int32) {
        var ends = ends(of: line)
        let next = previous < 0 ? ends.head : nodes[Int(previous)].next
        nodes[Int(place)].line = line
        nodes[Int(place)].previous = previous
        nodes[Int(place)].next = next
        if previous >= 0 { nodes[Int(previous)].next = place } else { ends.head = place }
        if next >= 0 { nodes[Int(next)].previous = place } else { ends.tail = place }
        setEnds(of: line, ends)
    }

    private mutating func pop(_ place: Int32) -> QueuedCheckout? {
        let node = nodes[Int(place)]
        var ends = ends(of: node.line)
        if node.previous >= 0 { nodes[Int(node.previous)].next = node.next } else { ends.head = node.next }
        if node.next >= 0 { nodes[Int(node.next)].previous = node.previous } else { ends.tail = node.previous }
        setEnds(of: node.line, ends)
        nodes[Int(place)] = Node(uses: node.uses)
        free.append(place)
        count -= 1
        if node.order < 0 { returned -= 1 }
        return node.checkout
    }
}
