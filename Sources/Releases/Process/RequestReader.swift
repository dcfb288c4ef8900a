import Glibc
import Linux
import Model
import Synchronization

/// Reads requests on a thread of its own, so that the end of the input and `.cancel` are seen while a request is under way.
final class RequestReader: Sendable {
    enum Next {
        case request(BuilderRequest)
        case ended
        /// The other side does not speak our language.
        case malformed
    }

    private struct State {
        var requests: [(request: BuilderRequest, isCancelled: Bool)] = []
        var isWorking = false
        var ended = false
        var malformed = false
    }

    private let input: Int32
    private let cancellation: Cancellation
    private let state = Mutex(State())
    private let wakeUps: Pipe
    private let finished: Pipe
    /// Ends the process, because a call that cannot be interrupted does not come back; with what to say first.
    private let abandon: @Sendable (BuilderFailure?) -> Void
    /// How long the request under way has to stop by itself, once the core is gone.
    private static let graceMilliseconds: Int32 = 5000

    /// Borrows the descriptor.
    init(
        input: Int32, cancellation: Cancellation, abandon: @escaping @Sendable (BuilderFailure?) -> Void
    ) throws(SystemError) {
        self.input = input
        self.cancellation = cancellation
        self.abandon = abandon
        wakeUps = try Pipe(nonBlockingReader: false)
        finished = try Pipe()
    }

    func start() throws(SystemError) {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self).toOpaque()
        let error = pthread_create(
            &thread, nil,
            { context in
                // It is the one that was passed just below.
                Unmanaged<RequestReader>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, context)
        guard error == 0 else { throw SystemError(call: "pthread_create", errno: error) }
        pthread_detach(thread)
    }

    /// Waits for the next request; asking for it says that the one before is done.
    func next() -> Next {
        while true {
            let next: Next? = state.withLock { state in
                state.isWorking = false
                if !state.requests.isEmpty {
                    state.isWorking = true
                    let next = state.requests.removeFirst()
                    // A cancellation is for what had been asked for by then, not for what comes after it.
                    if next.isCancelled { cancellation.cancel() } else { cancellation.reset() }
                    return .request(next.request)
                }
                if state.malformed { return .malformed }
                if state.ended { return .ended }
                return nil
            }
            if let next { return next }
            _ = try? readSome(wakeUps.reader.number, limit: 1)
        }
    }

    /// No more requests will be served.
    func finish() { wake(finished) }

    private func run() {
        var lines = LineBuffer()
        while waitForInput() {
            guard let bytes = try? readSome(input, limit: 65536), !bytes.isEmpty else { break }
            for line in lines.append(bytes) { take(line) }
            if lines.overflowed { state.withLock { $0.malformed = true } }
            wake(wakeUps)
        }
        state.withLock { state in
            state.ended = true
            state.requests = []
            cancellation.cancel()
        }
        wake(wakeUps)
        var polled = pollfd(fd: finished.reader.number, events: Int16(POLLIN), revents: 0)
        if poll(&polled, 1, RequestReader.graceMilliseconds) <= 0 { abandon(nil) }
    }

    /// True when the input has something, or has ended.
    private func waitForInput() -> Bool {
        while true {
            var polled = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
            // A limit on stalls may be set and moved while this waits, so it is looked at every second.
            let count = poll(&polled, 1, 1000)
            if count > 0 { return true }
            if count < 0 && errno != EINTR { return false }
            if cancellation.remaining() == .zero { abandon(.stalled) }
        }
    }

    private func take(_ line: [UInt8]) {
        let request = try? BuilderWire.decode(BuilderRequest.self, from: line)
        state.withLock { state in
            switch request {
            case nil: state.malformed = true
            case .cancel:
                if state.isWorking { cancellation.cancel() }
                for index in state.requests.indices { state.requests[index].isCancelled = true }
            case let request?: state.requests.append((request, false))
            }
        }
    }

    private func wake(_ pipe: borrowing Pipe) { try? writeAll(pipe.writer.number, [0]) }
}

extension BuilderFailure {
    static let stalled = BuilderFailure(
        .timedOut, "the repository's server has sent nothing for too long",
        hint: "check the URL and the network, then deploy again")
}
