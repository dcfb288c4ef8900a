package import Dispatch
package import NIOCore

// What NIO's futures, promises and handlers need of a loop.
extension SocketLoop: EventLoop {
    package var now: NIODeadline { .now() }

    @discardableResult
    package func scheduleTask<T>(
        deadline: NIODeadline, _ task: @escaping @Sendable () throws -> T
    ) -> Scheduled<T> {
        let promise = makePromise(of: T.self)
        let timer = TimerBox()
        let scheduled = Scheduled(promise: promise) { [self] in
            onLoop { timer.cancel() }
        }
        onLoop { [self] in
            timer.start(
                timers.add(deadline, abandoned: { promise.fail(EventLoopError.shutdown) }) {
                    do { promise.assumeIsolated().succeed(try task()) } catch { promise.fail(error) }
                })
        }
        return scheduled
    }

    @discardableResult
    package func scheduleTask<T>(in time: TimeAmount, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        scheduleTask(deadline: .now() + time, task)
    }

    /// At once when this is the loop.
    private func onLoop(_ body: @escaping @Sendable () -> Void) {
        if inEventLoop { body() } else { execute(body) }
    }

    package func preconditionInEventLoop(file: StaticString, line: UInt) {
        precondition(inEventLoop, "not on the event loop", file: file, line: line)
    }

    package func preconditionNotInEventLoop(file: StaticString, line: UInt) {
        precondition(!inEventLoop, "on the event loop", file: file, line: line)
    }

    package func next() -> any EventLoop { self }

    package func makeIterator() -> EventLoopIterator { EventLoopIterator([self]) }

    package func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        stop { queue.async { callback(nil) } }
    }
}

/// A timer that is made on the loop and may be cancelled before or after. `@unchecked Sendable`: all its methods run on
/// the loop (`onLoop`).
private final class TimerBox: @unchecked Sendable {
    private var timer: LoopTimers.Timer?
    private var isCancelled = false

    func start(_ timer: LoopTimers.Timer) {
        if isCancelled { timer.action = nil } else { self.timer = timer }
    }

    func cancel() {
        isCancelled = true
        timer?.action = nil
        timer = nil
    }
}
