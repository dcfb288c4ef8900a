package import Dispatch
internal import Glibc
package import Linux
package import NIOCore
import Synchronization

/// The loops of one process.
package final class SocketLoopGroup: EventLoopGroup {
    package let loops: [SocketLoop]
    private let turn = Atomic<Int>(0)

    package init(count: Int) throws(SystemError) {
        // sendfile(2) has no MSG_NOSIGNAL. Children get their dispositions back when they are spawned.
        try ignoreSignal(SIGPIPE)
        var loops: [SocketLoop] = []
        for index in 0..<max(1, count) { loops.append(try SocketLoop(index: index)) }
        self.loops = loops
        for loop in loops { loop.start() }
    }

    package func nextLoop() -> SocketLoop {
        let number = turn.wrappingAdd(1, ordering: .relaxed).oldValue
        return loops[Int(UInt(bitPattern: number) % UInt(loops.count))]
    }

    package func next() -> any EventLoop { nextLoop() }
    package func makeIterator() -> EventLoopIterator { EventLoopIterator(loops) }

    package func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        let remaining = Countdown(loops.count)
        for loop in loops {
            loop.stop { if remaining.decrement() == 0 { queue.async { callback(nil) } } }
        }
    }
}

private final class Countdown: Sendable {
    private let value: Atomic<Int>
    init(_ value: Int) { self.value = Atomic(value) }
    func decrement() -> Int { value.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue }
}
