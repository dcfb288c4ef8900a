import Glibc
import Linux
import Model
import Pool
import Synchronization

/// A request as a worker got it. For the session protocol the fields are CGI variables, for HTTP the header fields in lower
/// case with `REQUEST_METHOD` and `REQUEST_URI` beside them.
struct WorkerRequest {
    var fields: [String: String]
    var length: Int?
    var method: String { fields["REQUEST_METHOD"] ?? "" }
    var path: String { fields["REQUEST_URI"] ?? "" }
}

/// One connection of a fake worker, in the hands of its behaviour.
final class WorkerConnection {
    let stream: SocketStream
    let wire: WorkerProtocol
    let worker: FakeWorker
    /// Requests read on this connection.
    private(set) var requests = 0

    init(_ stream: SocketStream, _ wire: WorkerProtocol, _ worker: FakeWorker) {
        self.stream = stream
        self.wire = wire
        self.worker = worker
    }

    /// Nil when the gateway closed the connection.
    func readHead() throws -> WorkerRequest? {
        let request = try wire == .session ? readSession() : readHTTP()
        if request != nil {
            requests += 1
            worker.countRequest()
        }
        return request
    }

    func readBody(_ request: WorkerRequest) throws -> [UInt8] {
        guard let length = request.length, length > 0 else { return [] }
        return try stream.read(length) ?? []
    }

    func readRequest() throws -> (WorkerRequest, body: [UInt8])? {
        guard let request = try readHead() else { return nil }
        return (request, try readBody(request))
    }

    private func readSession() throws -> WorkerRequest? {
        guard let size = try stream.read(4) else { return nil }
        let length = size.reduce(0) { $0 << 8 | Int($1) }
        guard let bytes = try stream.read(length) else { throw TestFailure("no head") }
        let texts = bytes.split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: texts.count - 1, by: 2) { fields[texts[index]] = texts[index + 1] }
        return WorkerRequest(fields: fields, length: fields["CONTENT_LENGTH"].flatMap(Int.init))
    }

    private func readHTTP() throws -> WorkerRequest? {
        guard let head = try stream.read(through: "\r\n\r\n") else { return nil }
        var lines = head.split(separator: "\r\n")[...]
        let first = lines.removeFirst().split(separator: " ")
        var fields = ["REQUEST_METHOD": String(first[0]), "REQUEST_URI": String(first[1])]
        for line in lines {
            let parts = line.split(separator: ": ", maxSplits: 1, omittingEmptySubsequences: false)
            fields[parts[0].lowercased()] = String(parts[1])
        }
        return WorkerRequest(fields: fields, length: fields["content-length"].flatMap(Int.init))
    }

    func answer(_ body: String, status: String = "200 OK", _ fields: String = "") throws {
        try stream.send("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)")
    }
}

/// A worker made of threads: one accepts, each connection has its own. How it answers is the test's affair.
final class FakeWorker: Sendable {
    typealias Behaviour = @Sendable (WorkerConnection) throws -> Void

    let number: WorkerNumber
    let generation: GenerationNumber
    let app: AppName
    let path: String
    private let requests = Atomic(0)
    private let accepted = Atomic(0)
    /// Heads that were read, connections that were accepted.
    var requestCount: Int { requests.load(ordering: .relaxed) }
    var connectionCount: Int { accepted.load(ordering: .relaxed) }
    /// Connections that are being served.
    var openConnections: Int { state.withLock { $0.connections.count } }
    private let wire: WorkerProtocol
    private let behaviour: Behaviour
    private let listener: Int32
    private struct State {
        var connections: [Int: SocketStream] = [:]
        var isStopped = false
    }
    private let state = Mutex(State())
    private let unfinished = Atomic(1)
    private let isFinished = Signal()

    /// With `accepts` false connections wait in the backlog until `startAccepting`.
    init(
        _ number: WorkerNumber, _ generation: GenerationNumber, of app: AppName = AppName(sanitizing: "test"),
        path: String,
        wire: WorkerProtocol, backlog: Int = 128, accepts: Bool = true, behaviour: @escaping Behaviour
    ) throws {
        self.number = number
        self.generation = generation
        self.app = app
        self.path = path
        self.wire = wire
        self.behaviour = behaviour
        let descriptor = try bindUnix(path: path, mode: 0o600)
        try startListening(descriptor.number, backlog: backlog, subject: path)
        listener = descriptor.release()
        if accepts { startAccepting() }
    }

    fileprivate func countRequest() { requests.add(1, ordering: .relaxed) }

    func startAccepting() {
        unfinished.add(1, ordering: .relaxed)
        startThread(name: "worker") { [self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                if descriptor < 0 {
                    if errno == EINTR { continue }
                    break
                }
                let count = accepted.add(1, ordering: .relaxed).newValue
                serve(SocketStream(descriptor, timeout: 60), count)
            }
            finished()
        }
    }

    private func serve(_ stream: SocketStream, _ count: Int) {
        let box = UnsafeStream(stream)
        let isStopped = state.withLock { state in
            if !state.isStopped { state.connections[count] = box.stream }
            return state.isStopped
        }
        guard !isStopped else { return }
        unfinished.add(1, ordering: .relaxed)
        startThread(name: "connection") { [self] in
            do { try behaviour(WorkerConnection(box.stream, wire, self)) } catch {}
            // The descriptor is closed with the last reference.
            box.stream.end()
            _ = state.withLock { $0.connections.removeValue(forKey: count) }
            finished()
        }
    }

    /// As killed: the listener refuses, connections end.
    func stop() {
        let connections = state.withLock { state -> [UnsafeStream]? in
            guard !state.isStopped else { return nil }
            state.isStopped = true
            return state.connections.values.map(UnsafeStream.init)
        }
        guard let connections else { return }
        shutdown(listener, Int32(SHUT_RDWR))
        unlink(path)
        for connection in connections { connection.stream.end() }
        finished()
    }

    private func finished() {
        if unfinished.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
            close(listener)
            isFinished.raise()
        }
    }

    /// After `stop`: when all threads have ended.
    func waitUntilFinished() -> Bool { isFinished.wait() }
}

/// A stream is used by one thread; another one only ends it.
private struct UnsafeStream: @unchecked Sendable {
    let stream: SocketStream
    init(_ stream: SocketStream) { self.stream = stream }
}

/// Behaviours that many tests want.
enum Behaviours {
    /// Says what it got: method, path, body length and a sum of the body.
    static let echo: FakeWorker.Behaviour = { connection in
        while let (request, body) = try connection.readRequest() {
            try connection.answer("\(request.method) \(request.path) \(body.count) \(checksum(body))")
        }
    }

    static func answering(_ text: String) -> FakeWorker.Behaviour {
        { connection in while try connection.readRequest() != nil { try connection.answer(text) } }
    }

    /// Sends these very bytes as each answer.
    static func raw(_ text: String, thenCloses: Bool = false) -> FakeWorker.Behaviour {
        { connection in
            while try connection.readRequest() != nil {
                try connection.stream.send(text)
                if thenCloses { return }
            }
        }
    }
}

/// The same bytes have the same sum in this process.
func checksum(_ bytes: [UInt8]) -> Int {
    var hasher = Hasher()
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    return hasher.finalize()
}

/// Made once: unoptimized code takes long for it, and many clients ask at the same time.
private let patternBlock = (0..<4092).map { UInt8(truncatingIfNeeded: $0 &* 7) }

/// Bytes of which every block of a page differs from the others.
func pattern(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 4096)
    while bytes.count < count {
        let number = UInt32(bytes.count)
        bytes += patternBlock
        withUnsafeBytes(of: number) { bytes.append(contentsOf: $0) }
    }
    bytes.removeLast(bytes.count - count)
    return bytes
}
