import Glibc
import Linux
import Model
import Synchronization
import Testing

@testable import Releases

/// The rooms of the builder, called in this process.
struct InProcess {
    let events: EventWriter
    let cancellation: Cancellation

    /// Set up once for all tests: libgit2 does not stand being shut down and set up again from other threads.
    private final class Holder: Sendable { let libgit2 = LibGit2() }
    private static let holder = Holder()

    init() throws {
        // Events go nowhere: their results are what these tests look at.
        events = EventWriter(output: -1)
        cancellation = try Cancellation()
        _ = InProcess.holder
    }

    func callAsFunction(_ request: BuilderRequest) throws(BuilderFailure) -> BuilderResult {
        try RequestHandler(events: events, cancellation: cancellation).answer(request)
    }

    @discardableResult
    func fetch(_ sandbox: Sandbox, _ reference: String? = nil) throws -> CommitInfo {
        _ = try self(.prepareRoot(root: sandbox.root))
        return try commit(self(.fetch(root: sandbox.root, url: sandbox.source, ref: reference)))
    }

    func resolve(_ sandbox: Sandbox, _ reference: String?) throws -> CommitInfo {
        try commit(self(.resolve(root: sandbox.root, ref: reference)))
    }

    @discardableResult
    func checkout(_ sandbox: Sandbox, _ number: Int, _ commit: CommitID) throws -> CheckedOutRelease {
        let result = try self(.checkout(root: sandbox.root, number: DeployNumber(number), commit: commit))
        guard case .checkedOut(let release) = result else { throw Unexpected(result: result) }
        return release
    }

    private func commit(_ result: BuilderResult) throws -> CommitInfo {
        guard case .commit(let info) = result else { throw Unexpected(result: result) }
        return info
    }

    struct Unexpected: Error { var result: BuilderResult }
}

/// The failure that `body` throws.
func failure(_ body: () throws -> Void, _ location: SourceLocation = #_sourceLocation) throws -> BuilderFailure {
    let error = #expect(throws: BuilderFailure.self, sourceLocation: location) { try body() }
    return try #require(error, sourceLocation: location)
}

/// The builder as the core runs it: `passenger _build-release`.
final class BuilderChild {
    let pid: Int32
    private var input: Descriptor?
    private let output: Descriptor
    private var lines = LineBuffer()
    private var pending: [BuilderEvent] = []
    private var waited = false

    /// The binary that was built along with these tests, nil when none was.
    static var executable: String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { return nil }
        let tests = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let path = tests.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/passenger"
        return access(path, X_OK) == 0 ? path : nil
    }

    init(
        home: String = "/nonexistent", searchPath: String = "/usr/local/bin:/usr/bin:/bin",
        environment: [String] = []
    ) throws {
        let path = try #require(BuilderChild.executable)
        let input = try Pipe(nonBlockingReader: false)
        let output = try Pipe(nonBlockingReader: false)
        pid = try spawnProcess(
            path: path, arguments: ["passenger", "_build-release"],
            environment: ["HOME=\(home)", "PATH=\(searchPath)"] + environment,
            moves: [
                DescriptorMove(source: input.reader.number, target: 0),
                DescriptorMove(source: output.writer.number, target: 1),
                DescriptorMove(source: 2, target: 2),
            ])
        self.input = try input.writer.duplicate()
        self.output = try output.reader.duplicate()
    }

    deinit {
        guard !waited else { return }
        kill(pid, SIGKILL)
        _ = try? waitForChild(pid)
    }

    func send(_ request: BuilderRequest) throws { try send(BuilderWire.encode(request)) }
    func send(raw: String) throws { try send(Array(raw.utf8)) }

    private func send(_ bytes: [UInt8]) throws {
        switch input {
        case .some(let input): try writeAll(input.number, bytes)
        case nil: Issue.record("the builder's input is closed")
        }
    }

    func closeInput() { input = nil }

    /// The next event; nil at the end of the output. Fails when none comes within 20 s.
    func next() throws -> BuilderEvent? {
        while pending.isEmpty {
            var polled = pollfd(fd: output.number, events: Int16(POLLIN), revents: 0)
            try #require(poll(&polled, 1, 20_000) > 0, "the builder said nothing for 20 s")
            let bytes = try readSome(output.number, limit: 65536)
            if bytes.isEmpty { return nil }
            pending += try lines.append(bytes).map { try BuilderWire.decode(BuilderEvent.self, from: $0) }
        }
        return pending.removeFirst()
    }

    /// Sends a request and gives its answer, and the events that came before it.
    func ask(_ request: BuilderRequest) throws -> (answer: BuilderEvent?, events: [BuilderEvent]) {
        try send(request)
        var events: [BuilderEvent] = []
        while let event = try next() {
            switch event {
            case .ok, .error: return (event, events)
            default: events.append(event)
            }
        }
        return (nil, events)
    }

    /// Waits for the end. The reason is the exit status, or minus the signal.
    func end() throws -> Int32 {
        waited = true
        switch try waitForChild(pid) {
        case .exited(let status): return status
        case .signalled(let signal, _): return -signal
        }
    }
}
