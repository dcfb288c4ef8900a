import HTTP1
import NIOCore
import Pool
import Sockets

/// One connection to a worker: parses its answers and hands them to the client's connection that owns it for the length
/// of one exchange.
final class UpstreamConnection: StreamSocketOwner {
    private enum Phase {
        case idle
        case head
        case length(remaining: Int)
        case scanning(ChunkedScanner)
        case decoding(ChunkedDecoder)
        case untilClose
        /// Upgraded: not HTTP any more.
        case tunnel
        /// Broken off: whatever still comes is dropped.
        case over
    }

    let endpoint: WorkerEndpoint
    /// Set for the length of one exchange; taken away at its end, which also breaks the cycle.
    var owner: ClientConnection?
    /// When the request was sent.
    private var sentAt = NIODeadline.uptimeNanoseconds(0)
    /// While it is idle: of its last answer.
    var idleSince = NIODeadline.uptimeNanoseconds(0)
    private let upstreams: Upstreams
    private var socket: StreamSocket?
    private var phase = Phase.idle
    /// An unfinished head.
    private var received = RawBytes()
    private var parser = ResponseHeadParser()
    private var head = ResponseHead()
    private var method = Method.get
    /// The worker sent more than its answer.
    private var hasExcess = false
    /// `StreamSocket.sentBytes` at which the request's head is whole with the kernel.
    private var headEnd = 0
    private var requestHasBody = false
    private var isUpgrade = false

    init(_ endpoint: WorkerEndpoint, upstreams: Upstreams) {
        self.endpoint = endpoint
        self.upstreams = upstreams
    }

    func attach(_ socket: StreamSocket) {
        self.socket = socket
        socket.readsOutAfterFailedSend = true
    }

    var isActive: Bool { socket?.isOpen ?? false }

    /// The request's head is with the kernel: from then on the worker may have run the request.
    private(set) var headIsOut = false

    /// After an answer: the worker goes on with this connection, has sent nothing more, and nothing more is sent to it (an
    /// answer may come before the request's body was taken).
    var canBeKept: Bool { head.keepAlive && !hasExcess && isActive && socket?.queuedBytes == 0 }

    // MARK: The request

    /// May lose the connection before it returns; then the owner has been told.
    func send(_ head: UnsafeRawBufferPointer, _ body: RequestBody, method: Method, isUpgrade: Bool) {
        guard let socket else { return }
        self.method = method
        self.isUpgrade = isUpgrade
        phase = .head
        hasExcess = false
        headIsOut = false
        sentAt = upstreams.time
        requestHasBody = !body.isEmpty
        headEnd = socket.sentBytes + head.count
        guard requestHasBody else { return socket.send(head) }
        if let file = body.file {
            socket.send(head)
            socket.send(file.file, from: 0, count: body.length)
        } else {
            body.memory.withUnsafeReadableBytes { socket.send(head, $0) }
        }
    }

    /// Whether the worker has begun with the request, as far as its socket shows.
    enum Progress {
        case none
        /// Sent later than that, or begun.
        case fine
        case unread
    }

    func progress(since deadline: NIODeadline) -> Progress {
        guard owner != nil, case .head = phase, let socket else { return .none }
        if sentAt > deadline { return .fine }
        return socket.isUnreadByPeer ? .unread : .none
    }

    /// More of a streamed body, or of what an upgraded client says.
    func sendBody(_ bytes: UnsafeRawBufferPointer) {
        requestHasBody = true
        socket?.send(bytes)
    }

    var queuedBytes: Int { socket?.queuedBytes ?? 0 }
    var queuedMemory: Int { socket?.queuedMemory ?? 0 }

    func close() {
        owner = nil
        phase = .over
        socket?.close()
    }

    // MARK: The answer

    func socketReceived(_ bytes: UnsafeRawBufferPointer) {
        guard let owner, let socket else {
            upstreams.events.log(.idleWorkerSpoke(endpoint.worker))
            return close()
        }
        // It cannot be an answer to what has not been sent; the owner hears that the connection is gone.
        guard socket.sentBytes >= headEnd else { return socket.close() }
        switch phase {
        case .head where received.isEmpty: takeHeads(bytes, owner)
        case .head:
            received.append(bytes)
            let all = take(&received)
            takeHeads(all.bytes, owner)
        case .idle: close()
        case .over: break
        default: takeBody(bytes, owner)
        }
    }

    /// Interim answers and the final one, as far as they are there.
    private func takeHeads(_ bytes: UnsafeRawBufferPointer, _ owner: ClientConnection) {
        var rest = bytes
        while true {
            switch parser.parse(rest, requestMethod: method, into: &head) {
            case .needMore:
                received.assign(rest)
                return
            case .rejected(let rejection): return breakOff(owner, rejection.description)
            case .complete(let length):
                let headBytes = UnsafeRawBufferPointer(rebasing: rest[0..<length])
                rest = UnsafeRawBufferPointer(rebasing: rest[length...])
                guard head.isInformational else { return finalHead(headBytes, rest, owner) }
                owner.upstreamInterim(head, headBytes)
                guard case .head = phase else { return }
                if rest.isEmpty { return }
            }
        }
    }

    private func finalHead(
        _ headBytes: UnsafeRawBufferPointer, _ rest: UnsafeRawBufferPointer, _ owner: ClientConnection
    ) {
        if head.status == 101 {
            guard isUpgrade else { return breakOff(owner, "it switched protocols unasked") }
            phase = .tunnel
            return owner.upstreamUpgraded(head, headBytes, rest)
        }
        let form = owner.upstreamHead(head, headBytes)
        // It may have been broken off.
        guard case .head = phase else { return }
        startBody(form)
        takeBody(rest, owner)
    }

    private func startBody(_ form: UpstreamBodyForm) {
        switch head.framing {
        case .none: phase = .length(remaining: 0)
        case .length(let length): phase = .length(remaining: length)
        case .untilClose: phase = .untilClose
        case .chunked where form == .decoded: phase = .decoding(ChunkedDecoder())
        case .chunked: phase = .scanning(ChunkedScanner())
        }
    }

    /// Hands on what belongs to the body. Nothing may follow the call of `upstreamBody`: the owner may be at its next
    /// request on this connection when that returns.
    private func takeBody(_ bytes: UnsafeRawBufferPointer, _ owner: ClientConnection) {
        switch phase {
        case .length(let remaining):
            let count = min(remaining, bytes.count)
            phase = .length(remaining: remaining - count)
            hand(bytes, count, isComplete: count == remaining, owner)
        case .scanning(var scanner):
            switch scanner.scan(bytes) {
            case .more:
                phase = .scanning(scanner)
                hand(bytes, bytes.count, isComplete: false, owner)
            case .end(let length): hand(bytes, length, isComplete: true, owner)
            case .rejected(let rejection): breakOff(owner, "its chunked body is malformed (\(rejection))")
            }
        case .decoding(var decoder): decode(bytes, &decoder, owner)
        case .untilClose: owner.upstreamBody(bytes, isComplete: false)
        case .tunnel: owner.relayToClient(bytes)
        case .idle, .head, .over: break
        }
    }

    private func hand(
        _ bytes: UnsafeRawBufferPointer, _ count: Int, isComplete: Bool, _ owner: ClientConnection
    ) {
        if isComplete {
            phase = .idle
            if count < bytes.count { noteExcess(owner) }
        }
        owner.upstreamBody(UnsafeRawBufferPointer(rebasing: bytes[0..<count]), isComplete: isComplete)
    }

    private func decode(_ bytes: UnsafeRawBufferPointer, _ decoder: inout ChunkedDecoder, _ owner: ClientConnection) {
        var offset = 0
        var data = RawBytes()
        while true {
            switch decoder.next(bytes, at: &offset) {
            case .data(let range): data.append(range.of(bytes))
            case .trailer: continue
            case .needMore:
                phase = .decoding(decoder)
                return owner.upstreamBody(data.bytes, isComplete: false)
            case .end:
                phase = .idle
                if offset < bytes.count { noteExcess(owner) }
                return owner.upstreamBody(data.bytes, isComplete: true)
            case .rejected(let rejection):
                return breakOff(owner, "its chunked body is malformed (\(rejection))")
            }
        }
    }

    private func noteExcess(_ owner: ClientConnection) {
        hasExcess = true
        owner.upstreamSentExcess(endpoint.worker)
    }

    private func breakOff(_ owner: ClientConnection, _ reason: String) {
        phase = .over
        owner.upstreamSentGarbage(reason)
    }

    func socketDrained() { owner?.upstreamDrained() }

    func socketConnected() { upstreams.connected(self) }

    func socketClosed(_ end: SocketEnd) {
        noteWhetherHeadIsOut()
        socket = nil
        let phase = self.phase
        self.phase = .over
        upstreams.connectionEnded(self, end)
        guard let owner else { return }
        self.owner = nil
        // A worker that closes without having read a body resets the connection; otherwise a reset is no end.
        if case .untilClose = phase, end == .peer || requestHasBody {
            owner.upstreamEnded()
        } else {
            owner.upstreamLost(self)
        }
    }

    private func noteWhetherHeadIsOut() { headIsOut = (socket?.sentBytes ?? 0) >= headEnd }

    // MARK: Back-pressure

    func pauseReading() { socket?.pauseReading() }
    func resumeReading() { socket?.resumeReading() }
}

/// The bytes, leaving none: so they stay valid whatever happens to where they were.
private func take(_ bytes: inout RawBytes) -> RawBytes {
    var taken = RawBytes()
    swap(&taken, &bytes)
    return taken
}
