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
