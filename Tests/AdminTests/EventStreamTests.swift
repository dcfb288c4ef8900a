import AdminAPI
import AdminClient
import Glibc
import Linux
import Model
import Testing

@Suite(.timeLimit(.minutes(5)))
struct EventStreamTests {
    private let blog = AppName("blog")!
    private let operation = OperationID(.deploy, 8)

    @Test func `All events arrive in order, and then the end`() async throws {
        let script: [OperationEvent] = [
            .stepStarted(step: "fetch"), .progress(step: "fetch", text: "received 3 objects"),
            .stepFinished(step: "fetch", seconds: 0.5), .stepStarted(step: "build"),
            .output(step: "build", line: "Zeile \"ä\" \u{1B}[31m"), .notice(level: .warning, text: "weak proof"),
            .stepFinished(step: "build", seconds: 3, failure: "exit status 2"), .skipped(events: 3),
            .switched(release: "8-abc", milliseconds: 0.25),
            .finished(
                OperationResult(
                    .failed, deploy: DeployNumber(8),
                    failure: FailureReport(step: "build", summary: "make", exit: "exit status 2", outputTail: ["x"]))),
        ]
        let plane = FakeControlPlane { _ in
            AsyncStream { continuation in
                for event in script { continuation.yield(event) }
                continuation.finish()
            }
        }
        try await withServer(plane) { path in
            let events = try await collect(path)
            #expect(events == script)
        }
    }

    @Test func `A slow reader gets everything, and others are served meanwhile`() async throws {
        let count = 20_000
        let line = String(repeating: "x", count: 200)
        let plane = FakeControlPlane { _ in
            AsyncStream { continuation in
                for _ in 0..<count { continuation.yield(.output(step: "build", line: line)) }
                continuation.finish()
            }
        }
        try await withServer(plane) { path in
            let received = try await blocking {
                var stream = try AdminClient(socketPath: path).events(blog, operation)
                // Nothing is read while another request is asked and answered.
                _ = try AdminClient(socketPath: path).status()
                var received = 0
                while case .event = try stream.next(timeout: .seconds(20), interrupt: nil) { received += 1 }
                return received
            }
            #expect(received == count)
        }
    }

    @Test func `A reader that goes away while nothing happens is noticed`() async throws {
        let plane = FakeControlPlane { _ in endless(after: .stepStarted(step: "build")) }
        try await withServer(plane) { path in
            try await blocking {
                var stream = try AdminClient(socketPath: path).events(blog, operation)
                #expect(try stream.next(timeout: .seconds(60), interrupt: nil) == .event(.stepStarted(step: "build")))
                #expect(try stream.next(timeout: .milliseconds(1), interrupt: nil) == .timedOut)
            }
            var gone = plane.readersGone.makeAsyncIterator()
            _ = await gone.next()
        }
    }

    @Test func `A readable descriptor interrupts the wait`() async throws {
        let plane = FakeControlPlane { _ in endless(after: .notice(level: .warning, text: "hello")) }
        try await withServer(plane) { path in
            try await blocking {
                var ends: [Int32] = [0, 0]
                try #require(pipe(&ends) == 0)
                let reader = Descriptor(owning: ends[0])
                let writer = Descriptor(owning: ends[1])
                var stream = try AdminClient(socketPath: path).events(blog, operation)
                try writeAll(writer.number, [1])
                var step = try stream.next(timeout: .seconds(60), interrupt: reader.number)
                while case .event = step { step = try stream.next(timeout: .seconds(60), interrupt: reader.number) }
                #expect(step == .interrupted)
            }
        }
    }

    @Test func `A server that stops ends the stream`() async throws {
        let plane = FakeControlPlane { _ in endless(after: .stepStarted(step: "build")) }
        let (paths, announce) = AsyncStream<String>.makeStream()
        let (started, start) = AsyncStream<Void>.makeStream()
        let reader = Task {
            let socketPath = try #require(await paths.first { _ in true })
            return try await blocking {
                var stream = try AdminClient(socketPath: socketPath).events(blog, operation)
                let first = try stream.next(timeout: .seconds(60), interrupt: nil)
                start.yield()
                // Either the stream ends early, or it is seen to have been cut off.
                do throws(ControlError) {
                    let second = try stream.next(timeout: .seconds(60), interrupt: nil)
                    return first == .event(.stepStarted(step: "build")) && second == .ended
                } catch {
                    return error.code == .failed
                }
            }
        }
        try await withServer(plane) { path in
            announce.yield(path)
            _ = await started.first { true }
        }
        #expect(try await reader.value)
    }

    private func collect(_ path: String) async throws -> [OperationEvent] {
        try await blocking {
            var stream = try AdminClient(socketPath: path).events(blog, operation)
            var events: [OperationEvent] = []
            while case .event(let event) = try stream.next(timeout: .seconds(60), interrupt: nil) {
                events.append(event)
            }
            return events
        }
    }
}

/// An operation in which nothing more happens.
private func endless(after event: OperationEvent) -> AsyncStream<OperationEvent> {
    AsyncStream { continuation in
        continuation.yield(event)
        // A stream ends with the last reference to its continuation.
        continuation.onTermination = { _ in _ = continuation }
    }
}
