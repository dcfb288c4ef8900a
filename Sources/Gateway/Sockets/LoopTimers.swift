import NIOCore

/// What happens at a time: a binary heap by deadline. Few live in it: connections have their deadlines looked at by a
/// sweep, so only rare things (a retry, an accept that waits for descriptors, NIO's handlers) come here.
struct LoopTimers {
    final class Timer {
        let deadline: NIODeadline
        var action: (() -> Void)?
        /// Instead of `action`, when the loop ends before: NIO's promises must come to an end, too.
        let abandoned: (() -> Void)?
        init(deadline: NIODeadline, action: @escaping () -> Void, abandoned: (() -> Void)?) {
            self.deadline = deadline
            self.action = action
            self.abandoned = abandoned
        }
    }

    private var heap: ContiguousArray<Timer> = []

    var next: NIODeadline? { heap.first?.deadline }

    mutating func add(
        _ deadline: NIODeadline, abandoned: (() -> Void)? = nil, _ action: @escaping () -> Void
    ) -> Timer {
        let timer = Timer(deadline: deadline, action: action, abandoned: abandoned)
        heap.append(timer)
        var at = heap.count - 1
        while at > 0, heap[(at - 1) / 2].deadline > heap[at].deadline {
            heap.swapAt(at, (at - 1) / 2)
            at = (at - 1) / 2
        }
        return timer
    }

    /// Takes out what is due. The caller runs it, so that actions may change the heap.
    mutating func takeDue(_ time: NIODeadline) -> [Timer] {
        var due: [Timer] = []
        while let first = heap.first, first.deadline <= time { due.append(removeFirst(first)) }
        return due
    }

    /// Takes out all, for the caller to abandon.
    mutating func takeAll() -> [Timer] {
        defer { heap.removeAll() }
        return Array(heap)
    }

    private mutating func removeFirst(_ first: Timer) -> Timer {
        heap[0] = heap[heap.count - 1]
        heap.removeLast()
        var at = 0
        while true {
            var least = at
            for child in [2 * at + 1, 2 * at + 2] where child < heap.count {
                if heap[child].deadline < heap[least].deadline { least = child }
            }
            if least == at { return first }
            heap.swapAt(at, least)
            at = least
        }
    }
}
