import HTTP1
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

/// A whole message, as either implementation understands it.
private struct Message: Equatable {
    var method: String
    var target: String
    var minor: Int
    var fields: [[String]]
    var body: [UInt8]
}

private enum Verdict: Equatable {
    case message(Message, length: Int)
    case incomplete
    case refused(Rejection?)
    case refusedByThem(String)
}

@Suite struct DifferentialTests {
    /// Our rules that are narrower than NIOHTTP1's (llhttp's); each stands in the table of cases with its section. What we
    /// refuse for any other reason, they refuse too.
    private static let narrower: Set<Rejection> = [
        .badTarget, .badEscape, .badVersion, .badHost, .missingHost, .repeatedHost, .transferEncodingInHTTP10,
        .unknownTransferCoding, .badTransferEncoding, .unknownExpectation, .badStartOfMessage,
    ]

    @Test("whatever we accept means the same to NIOHTTP1", arguments: [1, 2, 3, 4] as [UInt64])
    func requests(seed: UInt64) {
        var generator = RequestGenerator(seed: seed)
        var accepted = 0
        var stricter: [Rejection: Int] = [:]
        for round in 0..<10_000 {
            let bytes = generator.next()
            switch parseOurs(bytes) {
            case .message(let ours, let length):
                accepted += 1
                let theirs = parseTheirs(Array(bytes[..<length]))
                if case .refusedByThem(let reason) = theirs, Self.isKnownRefusal(reason) { continue }
                #expect(theirs == .message(ours, length: length), "seed \(seed) round \(round): \(text(bytes))")
            case .refused(let reason?):
                guard case .message = parseTheirs(bytes) else { continue }
                stricter[reason, default: 0] += 1
                #expect(Self.narrower.contains(reason), "seed \(seed) round \(round): \(text(bytes))")
            case .refused(nil), .incomplete, .refusedByThem: continue
            }
        }
        print("differential: seed \(seed): \(accepted) of 10000 accepted, stricter than llhttp: \(stricter)")
        #expect(accepted > 1000)
    }

    /// llhttp has a list of methods and versions; RFC 9110 lets any token be a method (section 9.1), and a higher minor
    /// version be understood as the highest known one (section 2.5).
    private static func isKnownRefusal(_ reason: String) -> Bool {
        reason == "invalid HTTP method" || reason == "invalid HTTP version"
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self).debugDescription }

    private func parseOurs(_ bytes: [UInt8]) -> Verdict {
        let outcome = parseRequest(bytes)
        guard let head = outcome.accepted else {
            return outcome == .needMore ? .incomplete : .refused(outcome.rejection)
        }
        var body: [UInt8] = []
        var length = head.length
        switch head.body {
        case .none: break
        case .length(let count):
            guard bytes.count - length >= count else { return .incomplete }
            body = Array(bytes[length..<(length + count)])
            length += count
        case .chunked:
            let chunks = dechunk(Array(bytes[length...]))
            guard chunks.ended else { return .incomplete }
            body = chunks.body
            length += chunks.used
        }
        // An upgrade's first bytes are not HTTP any more to NIO; its head is compared in the other cases.
        if head.upgrade || head.method == "CONNECT" { return .incomplete }
        let message = Message(
            method: head.method, target: head.target, minor: Int(head.versionMinor), fields: head.fields, body: body)
        return .message(message, length: length)
    }

    /// NIO leaves white space at a value's end, which is no part of it (RFC 9110 section 5.5).
    private static func trimmed(_ value: String) -> String {
        var utf8 = Substring(value).utf8
        while let last = utf8.last, last == 32 || last == 9 { utf8.removeLast() }
        return String(Substring(utf8))
    }

    private func parseTheirs(_ bytes: [UInt8]) -> Verdict {
        let channel = EmbeddedChannel()
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        do {
            let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)
            try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(decoder))
            try channel.writeInbound(ByteBuffer(bytes: bytes))
            var message: Message?
            while let part = try channel.readInbound(as: HTTPServerRequestPart.self) {
                switch part {
                case .head(let head):
                    guard message == nil else { return .refusedByThem("two messages") }
                    message = Message(
                        method: head.method.rawValue, target: head.uri, minor: min(head.version.minor, 1),
                        fields: head.headers.map { [$0.name, Self.trimmed($0.value)] }, body: [])
                case .body(let buffer): message?.body += Array(buffer.readableBytesView)
                case .end: return message.map { .message($0, length: bytes.count) } ?? .refusedByThem("no head")
                }
            }
            return .incomplete
        } catch {
            return .refusedByThem("\(error)")
        }
    }
}
