import HTTP1
import Model
import NIOCore
import NIOPosix
import Pool
import Sockets
import TLS

/// Everything that the connections of one event loop share. Used on that loop only, so it needs no lock.
final class LoopContext {
    /// Events of one loop in one second that reach the log; the rest is counted.
    static let eventLimit = 50
    /// Sweeps between two looks at idle connections to workers.
    static let trimInterval = 60

    let eventLoop: SocketLoop
    let pool: Pool
    let upstreams: Upstreams
    let budget: BufferBudget
    let threads: NIOThreadPool
    let bufferDirectory: String
    let errorPages: ErrorPages
    let answerFields: AnswerFields
    let trustedProxies: TrustedProxies
    let certificates: CertificateStore?
    let redirectPort: Int?
    let carriers = Carriers()
    var router = Router([])
    private(set) var isDraining = false
    let lingerTime: TimeAmount
    private var sweepsToTrim = LoopContext.trimInterval
    /// Where heads are written before they are sent. Nothing in it lives longer than the event that wrote it.
    var scratch = RawBytes()

    private let report: @Sendable (GatewayEvent) -> Void
    private var connections: ContiguousArray<ClientConnection> = []
    private var events = 0
    private var errorIDs = SystemRandomNumberGenerator()

    init(eventLoop: SocketLoop, shared: GatewayParts) {
        self.eventLoop = eventLoop
        pool = shared.pool
        budget = shared.budget
        threads = shared.threads
        bufferDirectory = shared.bufferDirectory
        errorPages = shared.errorPages
        answerFields = AnswerFields(server: shared.serverField)
        report = shared.report
        trustedProxies = shared.trustedProxies
        certificates = shared.certificates
        redirectPort = shared.redirectPort
        lingerTime = shared.lingerTime
        upstreams = Upstreams(loop: eventLoop)
    }

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
        if events > Self.eventLimit { report(.suppressed(events - Self.eventLimit)) }
        events = 0
        sweepsToTrim -= 1
        if sweepsToTrim == 0 {
            sweepsToTrim = Self.trimInterval
            upstreams.trim()
        }
        // A copy: a fired timer may end its connection.
        for connection in connections where connection.timer.kind != .none && connection.timer.deadline <= now {
            connection.timerFired()
        }
        carriers.sweep(now)
    }

    func beginDrain() {
        isDraining = true
        for connection in connections { connection.beginDrain() }
        carriers.beginDrain()
    }

    func closeAll() {
        for connection in connections { connection.transport.close(resetting: false) }
        carriers.closeAll()
    }

    func log(_ event: GatewayEvent) {
        events += 1
        if events <= Self.eventLimit { report(event) }
    }

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

    func refresh() { date = Array(HTTPDate.now().utf8) }

    func write(_ known: FieldSet, to writer: inout ByteWriter) {
        if !known.contains(.date) { date.withUnsafeBytes { AnswerHead.field("Date", $0, to: &writer) } }
        if !known.contains(.server), !server.isEmpty {
            server.withUnsafeBytes { AnswerHead.field("Server", $0, to: &writer) }
        }
    }
}
