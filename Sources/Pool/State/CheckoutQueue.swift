package import Model

/// A request in a queue. Equal by its ticket.
package struct QueuedCheckout: Sendable, Equatable {
    package let ticket: Ticket
    package let waiter: any CheckoutWaiter
    package let since: Instant
    package static func == (a: QueuedCheckout, b: QueuedCheckout) -> Bool { a.ticket == b.ticket }
}

/// First in, first out, and out of the middle in constant time when the client goes away.
///
/// A list linked through a slab: memory is that of the longest queue there ever was, whatever the order in which requests
/// leave. A ticket names app, slab place and the place's use count, so that a stale ticket finds nothing.
struct CheckoutQueue {
    private struct Node {
        var checkout: QueuedCheckout?
        var previous: Int32 = -1
        var next: Int32 = -1
        var uses: UInt32 = 0
    }

    private static let usesMask: UInt32 = 0xFF_FFFF

    private let app: AppIndex
    private var nodes: [Node] = []
    private var free: [Int32] = []
    private var head: Int32 = -1
    private var tail: Int32 = -1
    private(set) var count = 0

    init(app: AppIndex) { self.app = app }

    var isEmpty: Bool { count == 0 }
    var first: QueuedCheckout? { head < 0 ? nil : nodes[Int(head)].checkout }

    /// The app whose queue a ticket belongs to.
    static func app(of ticket: Ticket) -> AppIndex { AppIndex(Int(ticket.rawValue >> 48)) }

    mutating func append(_ waiter: any CheckoutWaiter, at now: Instant) -> Ticket {
        let place: Int32
        if let reused = free.popLast() {
            place = reused
        } else {
            place = Int32(nodes.count)
            nodes.append(Node())
        }
        let uses = (nodes[Int(place)].uses &+ 1) & Self.usesMask
        let ticket = Ticket(rawValue: UInt64(app.rawValue) << 48 | UInt64(place) << 24 | UInt64(uses))
        nodes[Int(place)] = Node(
            checkout: QueuedCheckout(ticket: ticket, waiter: waiter, since: now), previous: tail, next: -1, uses: uses)
        if tail >= 0 { nodes[Int(tail)].next = place } else { head = place }
        tail = place
        count += 1
        return ticket
    }

    mutating func popFirst() -> QueuedCheckout? { head < 0 ? nil : unlink(head) }

    /// Nil when it is not in the queue any more.
    mutating func remove(_ ticket: Ticket) -> QueuedCheckout? {
        let place = Int(ticket.rawValue >> 24 & 0xFF_FFFF)
        guard place < nodes.count, nodes[place].checkout?.ticket == ticket else { return nil }
        return unlink(Int32(place))
    }

    private mutating func unlink(_ place: Int32) -> QueuedCheckout? {
        let node = nodes[Int(place)]
        if node.previous >= 0 { nodes[Int(node.previous)].next = node.next } else { head = node.next }
        if node.next >= 0 { nodes[Int(node.next)].previous = node.previous } else { tail = node.previous }
        nodes[Int(place)] = Node(uses: node.uses)
        free.append(place)
        count -= 1
        return node.checkout
    }
}
