import HTTP1
import NIOCore
import NIOEmbedded
import NIOHPACK
import NIOHTTP2

@testable import HTTP2

/// A server connection and a NIOHTTP2 client, in memory.
final class Pair {
    let server = EmbeddedChannel()
    let client = EmbeddedChannel()
    let seen = ClientRecorder()
    let owner = ConnectionRecorder()
    let connection: HTTP2Connection
    /// The client's bytes reach the server, and the other way round.
    var isConnected = true

    init(
        _ limits: HTTP2Limits = HTTP2Limits(), clientSettings: HTTP2Settings = [], rawClient: Bool = false
    ) throws {
        let address = try SocketAddress(unixDomainSocketPath: "/x")
        server.connect(to: address, promise: nil)
        client.connect(to: address, promise: nil)
        connection = try HTTP2Connection.add(to: server, owner: owner, limits: limits)
        guard !rawClient else { return }
        // Not the judge of what is sent: that is what is tested.
        let frames = NIOHTTP2Handler(
            mode: .client, initialSettings: clientSettings, headerBlockValidation: .disabled,
            contentLengthValidation: .disabled)
        try client.pipeline.syncOperations.addHandlers([frames, seen])
        pump()
    }

    func pump() {
        var isQuiet = false
        while !isQuiet, isConnected {
            isQuiet = true
            server.embeddedEventLoop.run()
            while let bytes = try? client.readOutbound(as: IOData.self), case .byteBuffer(let bytes) = bytes {
                isQuiet = false
                if server.isActive { _ = try? server.writeInbound(bytes) }
            }
            while let bytes = try? server.readOutbound(as: ByteBuffer.self) {
                isQuiet = false
                if client.isActive { _ = try? client.writeInbound(bytes) }
            }
        }
    }

    func send(_ id: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload) {
        client.writeAndFlush(HTTP2Frame(streamID: id, payload: payload), promise: nil)
        pump()
    }

    func request(
        _ id: HTTP2StreamID, _ fields: [(String, String)] = [], method: String = "GET", path: String = "/",
        endStream: Bool = true
    ) {
        let start = [(":method", method), (":scheme", "https"), (":authority", "example.com"), (":path", path)]
        send(id, .headers(.init(headers: HPACKHeaders(start + fields), endStream: endStream)))
    }

    func body(_ id: HTTP2StreamID, _ count: Int, endStream: Bool = false) {
        let bytes = ByteBuffer(repeating: 0x78, count: count)
        send(id, .data(.init(data: .byteBuffer(bytes), endStream: endStream)))
    }

    /// Raw bytes in one read.
    func raw(_ bytes: [UInt8]) { _ = try? server.writeInbound(ByteBuffer(bytes: bytes)) }

    /// Everything the server has written, as bytes.
    func written() -> [UInt8] {
        server.embeddedEventLoop.run()
        var all: [UInt8] = []
        while let bytes = try? server.readOutbound(as: ByteBuffer.self) { all += Array(buffer: bytes) }
        return all
    }

    func finish() {
        _ = try? server.finish()
        _ = try? client.finish()
    }
}

final class ClientRecorder: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    var frames: [HTTP2Frame] = []

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { frames.append(unwrapInboundIn(data)) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}

    func headers(_ id: HTTP2StreamID) -> [HPACKHeaders] {
        frames.compactMap {
            if $0.streamID == id, case .headers(let headers) = $0.payload { headers.headers } else { nil }
        }
    }

    func bytes(_ id: HTTP2StreamID) -> Int {
        frames.reduce(0) {
            if $1.streamID == id, case .data(let data) = $1.payload { $0 + data.data.readableBytes } else { $0 }
        }
    }

    func ended(_ id: HTTP2StreamID) -> Bool {
        frames.contains {
            guard $0.streamID == id else { return false }
            return switch $0.payload {
            case .data(let data): data.endStream
            case .headers(let headers): headers.endStream
            default: false
            }
        }
    }

    func resets(_ id: HTTP2StreamID) -> [HTTP2ErrorCode] {
        frames.compactMap { if $0.streamID == id, case .rstStream(let code) = $0.payload { code } else { nil } }
    }

    var goAways: [(last: HTTP2StreamID, code: HTTP2ErrorCode)] {
        frames.compactMap { if case .goAway(let last, let code, _) = $0.payload { (last, code) } else { nil } }
    }

    var windowUpdates: [(id: HTTP2StreamID, bytes: Int)] {
        frames.compactMap { if case .windowUpdate(let bytes) = $0.payload { ($0.streamID, bytes) } else { nil } }
    }
}

final class ConnectionRecorder: HTTP2ConnectionOwner {
    var streams: [StreamRecorder] = []
    var idle = 0
    var drains = 0
    var ends: [HTTP2End] = []
    /// Answers each request as soon as it is whole.
    var answers = false

    func streamOpened(_ stream: HTTP2Stream) -> any HTTP2StreamOwner {
        let recorder = StreamRecorder(stream, answers: answers)
        streams.append(recorder)
        return recorder
    }
    func connectionIsIdle() { idle += 1 }
    func drainBegan() { drains += 1 }
    func connectionEnded(_ reason: HTTP2End) { ends.append(reason) }
}

final class StreamRecorder: HTTP2StreamOwner {
    let stream: HTTP2Stream
    let answers: Bool
    var head = ""
    var hasBody: Bool?
    var declaredLength: Int?
    var body = 0
    var isWhole = false
    var resets = 0
    var wakes = 0
    var onWritable: (() -> Void)?

    init(_ stream: HTTP2Stream, answers: Bool) {
        self.stream = stream
        self.answers = answers
    }

    func requestHead(_ bytes: ByteBuffer, hasBody: Bool, declaredLength: Int?) {
        head = String(buffer: bytes)
        self.hasBody = hasBody
        self.declaredLength = declaredLength
    }
    func requestBody(_ part: ByteBuffer) { body += part.readableBytes }
    func requestEnded() {
        isWhole = true
        if answers { answer("hello") }
    }
    func streamWasReset() { resets += 1 }
    func streamEnded() {}
    func streamBecameWritable() {
        wakes += 1
        onWritable?()
    }

    func head(_ text: String, endStream: Bool = false) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { stream.sendHead(http1: $0, endStream: endStream) }
    }

    func answer(_ text: String) {
        head("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \(text.utf8.count)\r\n\r\n")
        stream.sendBody(ByteBuffer(string: text), endStream: true)
        stream.flush()
    }
}
