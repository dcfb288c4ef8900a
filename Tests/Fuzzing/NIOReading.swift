internal import NIOCore
internal import NIOEmbedded
internal import NIOHTTP1

/// Whole messages as NIOHTTP1 understands them.
enum NIOReading {
    enum Verdict {
        case message(PlainMessage)
        case incomplete
        case refused(String)
    }

    static func request(_ bytes: UnsafeRawBufferPointer) -> Verdict {
        reading { channel in
            let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)
            try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(decoder))
            try channel.writeInbound(ByteBuffer(bytes: bytes))
            var message: PlainMessage?
            while let part = try channel.readInbound(as: HTTPServerRequestPart.self) {
                switch part {
                case .head(let head):
                    message = PlainMessage(
                        start: [name(of: head.method), head.uri], minor: min(head.version.minor, 1),
                        fields: fields(head.headers))
                case .body(let buffer): message?.body += Array(buffer.readableBytesView)
                case .end: return message
                }
            }
            return nil
        }
    }

    static func response(_ bytes: UnsafeRawBufferPointer, to method: HTTPMethod) -> Verdict {
        reading { channel in
            let decoder = HTTPResponseDecoder(
                leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .forward)
            try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(decoder))
            let head = HTTPRequestHead(version: .http1_1, method: method, uri: "/")
            try channel.writeOutbound(HTTPClientRequestPart.head(head))
            try channel.writeInbound(ByteBuffer(bytes: bytes))
            var message: PlainMessage?
            // The end of the connection may be the end of the message.
            for isLast in [false, true] {
                if isLast { _ = try channel.finish(acceptAlreadyClosed: true) }
                while let part = try channel.readInbound(as: HTTPClientResponsePart.self) {
                    switch part {
                    case .head(let head):
                        message = PlainMessage(
                            start: [String(head.status.code)], minor: min(head.version.minor, 1),
                            fields: fields(head.headers))
                        if head.status.code < 200 { return message }
                    case .body(let buffer): message?.body += Array(buffer.readableBytesView)
                    case .end: return message
                    }
                }
            }
            return nil
        }
    }

    private static func reading(_ body: (EmbeddedChannel) throws -> PlainMessage?) -> Verdict {
        let channel = EmbeddedChannel()
        // Errors of closing an unfinished message are none of ours.
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        do {
            return try body(channel).map(Verdict.message) ?? .incomplete
        } catch {
            return .refused("\(error)")
        }
    }

    /// NIO takes the name of llhttp's constant, which has no hyphen.
    private static func name(of method: HTTPMethod) -> String { method == .MSEARCH ? "M-SEARCH" : method.rawValue }

    /// NIO leaves white space at a value's end, which is no part of it (RFC 9110 section 5.5).
    private static func fields(_ headers: HTTPHeaders) -> [[String]] {
        headers.map { name, value in
            var utf8 = Substring(value).utf8
            while let last = utf8.last, last == 32 || last == 9 { utf8.removeLast() }
            return [name, String(Substring(utf8))]
        }
    }
}
