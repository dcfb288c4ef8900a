import AccessLog
import Compression
import Glibc
import HTTP1
import Model
import NIOCore
import NIOPosix
import Pool
import ResponseCache
import Sockets
import StaticFiles
import TLS

/// Everything that the connections of one event loop share. Used on that loop only, so it needs no lock.
final class LoopContext {
    /// Sweeps between two looks at idle connections to workers.
    static let trimInterval = 60

    let eventLoop: SocketLoop
    let pool: Pool
    let upstreams: Upstreams
    let budget: BufferBudget
    let threads: NIOThreadPool
    private(set) var bufferDirectory: String
    let errorPages: ErrorPages
    private(set) var answerFields: AnswerFields
    var router = Router([])
    private(set) var isDraining = false
    /// Another core goes on, and takes connections on which nothing is under way.
    private(set) var nextCore: NextCore?
    let lingerTime: TimeAmount
    /// How long an answer of unknown length may go on before it counts as a stream.
    let streamAge: TimeAmount
    private(set) var trusted: AddressRanges
    let certificates: CertificateStore?
    private(set) var redirectPort: Int?
    let carriers = Carriers()
    var requestIDs = RequestIDs()
    let files: FileCache
    let gzip: GzipStreams
    let cache: ResponseCache?
    /// Of the loop's own requests; whoever asks for them comes from another thread, and seldom.
    let routeCounts: SharedRouteCounts
    var traffic = LoopTraffic()
    private var accessLog: AccessLogBuffer?
    private var flushIsPlanned = false
    /// Wall clock minus monotonic clock, in nanoseconds; looked at once a second.
    private var wallOffset: Int64 = 0
    private var sweepsToTrim = LoopContext.trimInterval
    /// Where heads are written before they are sent. Nothing in it lives longer than the event that wrote it.
    var scratch = RawBytes()

    private let events: LoopEvents
    private var connections: ContiguousArray<ClientConnection> = []
    private var errorIDs = SystemRandomNumberGenerator()

    init(eventLoop: SocketLoop, shared: GatewayParts) {
        self.eventLoop = eventLoop
        pool = shared.pool
        budget = shared.budget
        threads = shared.threads
        bufferDirectory = shared.bufferDirectory
        errorPages = shared.errorPages
        answerFields = AnswerFields(server: shared.serverField)
        events = LoopEvents(report: shared.report)
        lingerTime = shared.lingerTime
        streamAge = shared.streamAge
        trusted = shared.trusted
        certificates = shared.certificates
        redirectPort = shared.redirectPort
        files = FileCache()
        gzip = GzipStreams(budget: shared.gzipBudget)
        cache = shared.cache
        routeCounts = SharedRouteCounts()
        accessLog = shared.accessLog.map { AccessLogBuffer(writer: $0) }
        upstreams = Upstreams(loop: eventLoop, events: events)
        readWallClock()
    }

    /// Of the event that is being handled.
    var instant: Instant { Instant(nanoseconds: Int64(eventLoop.time.uptimeNanoseconds)) }
    var wallTime: UnixTime { UnixTime(milliseconds: wallMicroseconds(at: eventLoop.time) / 1000) }

    func wallMicroseconds(at time: NIODeadline) -> Int64 { (Int64(time.uptimeNanoseconds) + wallOffset) / 1000 }

    private func readWallClock() {
        var wall = timespec()
        clock_gettime(CLOCK_REALTIME, &wall)
        let now = Int64(NIODeadline.now().uptimeNanoseconds)
        wallOffset = Int64(wall.tv_sec) * 1_000_000_000 + Int64(wall.tv_nsec) - now
    }

    /// Into the scratch: a chunk of these bytes (RFC 9112 section 7.1).
    func writeChunk(_ part: UnsafeRawBufferPointer) {
        scratch.removeAll()
        _ = scratch.write(part.count + ChunkedEncoder.maxHeaderLength + 2) { memory in
            var writer = ByteWriter(memory)
            ChunkedEncoder.writeHeader(length: part.count, to: &writer)
            writer.write(part)
            writer.write("\r\n")
            return writer.count
        }
    }

    func random() -> UInt64 { errorIDs.next() }

    func use(_ settings: GatewaySettings) {
        redirectPort = settings.redirectPort
        trusted = settings.trusted
        bufferDirectory = settings.bufferDirectory
        answerFields = AnswerFields(server: settings.serverField)
    }

    // MARK: The access log

    func use(accessLog new: AccessLogWriter?) {
        accessLog?.flush()
        accessLog = new.map { AccessLogBuffer(writer: $0) }
    }

    var logsAccess: Bool { accessLog != nil }

    func logAccess(_ record: AccessRecord) {
        accessLog?.log(record, now: instant)
        guard accessLog?.deadline != nil, !flushIsPlanned else { return }
        // One timer for all lines of a tenth of a second.
        flushIsPlanned = true
        eventLoop.scheduleTask(in: TimeAmount(AccessLogBuffer.longestWait)) {
            [bound = NIOLoopBound(self, eventLoop: eventLoop)] in
            bound.value.flushIsPlanned = false
            bound.value.flushAccessLog()
        }
    }

    func flushAccessLog() { accessLog?.flush() }

    var connectionCount: Int { connections.count }

    func add(_ connection: ClientConnection) {
        connection.position = connections.count
        connections.append(connection)
    }

    func remove(_ connection: ClientConnection) {
        let position = connection.position
        guard position < connections.count, connections[position] === connection else { return }
        let last = connections.removeLast()
        if last !== connection {
            connections[position] = last
            last.position = position
        }
    }

    /// Looked at by a sweep, so up to one sweep late and never early.
    func deadline(after time: TimeAmount) -> NIODeadline { eventLoop.time + time }

    /// Once a second: deadlines, the Date field, the event allowance.
    func sweep() {
        let now = eventLoop.time
        answerFields.refresh()
        readWallClock()
        files.sweep(now: instant)
        events.sweep()
        sweepsToTrim -= 1
        if sweepsToTrim == 0 {
            sweepsToTrim = Self.trimInterval
            upstreams.trim()
        }
        // A copy: a fired timer may end its connection.
        for connection in connections {
            if connection.timer.kind != .none, connection.timer.deadline <= now { connection.timerFired() }
            connection.deadlinesPassed(now)
            connection.recountMemory()
        }
        carriers.sweep(now)
    }

    func beginRetirement(_ next: @escaping NextCore) {
        nextCore = next
        upstreams.keepNone()
        for connection in connections { connection.moveOn() }
        carriers.beginDrain()
    }

    var expectsFirstRequests: Bool { connections.contains { $0.expectsFirstRequest } }

    func beginDrain() {
        isDraining = true
        nextCore = nil
        for connection in connections { connection.beginDrain() }
        carriers.beginDrain()
    }

    /// The streams of a draining generation, or of one worker of it.
    func endStreams(of app: AppIndex, _ generation: GenerationNumber, _ worker: WorkerNumber?, _ window: Duration) {
        for connection in connections where connection.isStream {
            guard let endpoint = connection.claim?.endpoint, endpoint.app == app, endpoint.generation == generation,
                worker == nil || endpoint.worker == worker
            else { continue }
            connection.endStream(within: window)
        }
    }

    func closeAll() {
        for connection in connections { connection.transport.close(resetting: false) }
        carriers.closeAll()
    }

    func log(_ event: GatewayEvent) { events.log(event) }

    func nextErrorID() -> String {
        let text = String(errorIDs.next() & 0xFFFF_FFFF_FFFF, radix: 16)
        return String(repeating: "0", count: 12 - text.count) + text
    }
}

/// Fields that an answer gets when the app did not give them: Date (RFC 9110 section 6.6.1) and Server.
final class AnswerFields {
    private var date: [UInt8] = []
    private let server: [UInt8]

    init(server: String) {
        self.server = Array(server.utf8)
        refresh()
    }

    /// Room that `write` needs.
    var count: Int { date.count + server.count + 64 }

    func refresh() { date = HTTPDate.format(time(nil)) }

    func write(_ known: FieldSet, to writer: inout ByteWriter) {
        if !known.contains(.date) { date.withUnsafeBytes { AnswerHead.field("Date", $0, to: &writer) } }
        if !known.contains(.server), !server.isEmpty {
            server.withUnsafeBytes { AnswerHead.field("Server", $0, to: &writer) }
        }
    }
}
