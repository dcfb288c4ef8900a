internal import Glibc

/// Runs `body` on a detached thread of its own (pthread_create(3)) whose name shows in `ps -T`, cut to 15 bytes. For the
/// few loops that block by nature; everything else belongs on an event loop or a thread pool.
package func startThread(name: String, _ body: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(ThreadBody(name: name, run: body))
    var thread = pthread_t()
    let result = pthread_create(&thread, nil, runThreadBody, box.toOpaque())
    // A process that cannot make one of its few threads at start-up cannot work at all.
    precondition(result == 0, "pthread_create: \(SystemError.describe(result))")
    pthread_detach(thread)
}

/// Runs `body` on `count` threads, this one among them, and returns when all have returned. On fewer when the system has no more,
/// so the work must not depend on the number.
package func runThreads(_ count: Int, name: String, _ body: @escaping @Sendable () -> Void) {
    var threads: [pthread_t] = []
    for _ in 1..<max(count, 1) {
        let box = Unmanaged.passRetained(ThreadBody(name: name, run: body))
        var thread = pthread_t()
        guard pthread_create(&thread, nil, runThreadBody, box.toOpaque()) == 0 else {
            box.release()
            break
        }
        threads.append(thread)
    }
    body()
    for thread in threads { pthread_join(thread, nil) }
}

private final class ThreadBody {
    let name: String
    let run: @Sendable () -> Void
    init(name: String, run: @escaping @Sendable () -> Void) {
        self.name = name
        self.run = run
    }
}

private func runThreadBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let body = Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue()
    setProcessName(body.name)
    body.run()
    return nil
}
