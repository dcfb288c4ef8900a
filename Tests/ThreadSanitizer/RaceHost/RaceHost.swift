import Glibc
import Synchronization

/// For scripts/test, built with ThreadSanitizer. `mutex` and `continuation` are right, and have to be silent; `race` has to be
/// reported.
@main struct RaceHost {
    static func main() async {
        let counter = Counter()
        switch CommandLine.arguments.dropFirst().first {
        case "mutex":
            let threads = (0..<2).map { _ in
                Thread {
                    for round in 0..<1000 {
                        counter.locked.withLock {
                            $0 += 1
                            // Long enough for the other thread to give up spinning, and to wait in the kernel.
                            if round % 10 == 0 { usleep(1000) }
                        }
                    }
                }
            }
            for thread in threads { thread.join() }
        case "continuation":
            for _ in 0..<50 {
                await withCheckedContinuation { continuation in
                    count(counter) { continuation.resume() }
                }
                counter.unlocked += 1
                await withUnsafeContinuation { continuation in
                    count(counter) { continuation.resume() }
                }
                counter.unlocked += 1
            }
        case "race":
            let threads = (0..<2).map { _ in Thread { for _ in 0..<1000 { counter.unlocked += 1 } } }
            for thread in threads { thread.join() }
        default:
            exit(2)
        }
    }
}

/// On another thread; what follows it there has happened when this returns.
private func count(_ counter: Counter, then: @escaping @Sendable () -> Void) {
    let thread = Thread {
        counter.unlocked += 1
        then()
    }
    thread.detach()
    usleep(2000)
}

private final class Counter: Sendable {
    let locked = Mutex(0)
    /// Ordered by what the test is about, or by nothing.
    nonisolated(unsafe) var unlocked = 0
}

private struct Thread {
    private var thread = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) {
        let argument = Unmanaged.passRetained(Body(body)).toOpaque()
        let error = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().call()
                return nil
            }, argument)
        guard error == 0 else { fatalError("pthread_create: \(error)") }
    }

    func join() { pthread_join(thread, nil) }
    func detach() { pthread_detach(thread) }
}

private final class Body {
    let call: @Sendable () -> Void
    init(_ call: @escaping @Sendable () -> Void) { self.call = call }
}
