import HTTP1
import Testing

/// A parsed request with everything copied out, so that two ways of parsing can be compared.
struct ParsedRequest: Equatable {
    var length: Int
    var method: String
    var target: String
    var path: String
    var query: String?
    var form: TargetForm
    var versionMinor: UInt8
    var host: String
    var fields: [[String]]
    var body: BodyFraming
    var keepAlive: Bool
    var expectContinue: Bool
    var upgrade: Bool
}

enum Outcome<Parsed: Equatable>: Equatable {
    case needMore
    case accepted(Parsed)
    case rejected(Rejection)

    var rejection: Rejection? { if case .rejected(let reason) = self { reason } else { nil } }
    var accepted: Parsed? { if case .accepted(let parsed) = self { parsed } else { nil } }
}

func copy(_ head: RequestHead, _ length: Int, _ bytes: UnsafeRawBufferPointer) -> ParsedRequest {
    ParsedRequest(
        length: length, method: head.methodRange.string(bytes), target: head.target.string(bytes),
        path: head.path.string(bytes), query: head.hasQuery ? head.query.string(bytes) : nil, form: head.targetForm,
        versionMinor: head.versionMinor, host: head.host.string(bytes),
        fields: head.fields.map { [$0.name.string(bytes), $0.value.string(bytes)] }, body: head.body,
        keepAlive: head.keepAlive, expectContinue: head.expectContinue, upgrade: head.upgrade)
}

/// Gives the parser the bytes up to each of `stops` in turn, every time in memory of exactly that size, so that a sanitizer
/// notices a read past the end.
func parseRequest(
    _ bytes: [UInt8], stops: [Int]? = nil, limits: HeadLimits = HeadLimits()
) -> Outcome<ParsedRequest> {
    var parser = RequestHeadParser(limits: limits)
    var head = RequestHead()
    for stop in stops ?? [bytes.count] {
        let arrived = Array(bytes[..<stop])
        let outcome: Outcome<ParsedRequest> = arrived.withUnsafeBytes { raw in
            switch parser.parse(raw, into: &head) {
            case .needMore: .needMore
            case .complete(let length): .accepted(copy(head, length, raw))
            case .rejected(let reason): .rejected(reason)
            }
        }
        if outcome != .needMore { return outcome }
    }
    return .needMore
}

func parseRequest(_ text: String, limits: HeadLimits = HeadLimits()) -> Outcome<ParsedRequest> {
    parseRequest(Array(text.utf8), limits: limits)
}

func parseResponse(
    _ text: String, method: Method = .get, stops: [Int]? = nil
) -> (result: HeadResult, head: ResponseHead) {
    let bytes = Array(text.utf8)
    var parser = ResponseHeadParser()
    var head = ResponseHead()
    var result = HeadResult.needMore
    for stop in stops ?? [bytes.count] where result == .needMore {
        result = Array(bytes[..<stop]).withUnsafeBytes { parser.parse($0, requestMethod: method, into: &head) }
    }
    return (result, head)
}

/// What a `ChunkedDecoder` makes of bytes that come in pieces of at most `step`.
struct Dechunked: Equatable {
    var body: [UInt8] = []
    var trailer: [UInt8] = []
    var ended = false
    var used = 0
    var rejection: ChunkRejection?
}

func dechunk(_ bytes: [UInt8], step: Int = .max, limits: ChunkLimits = ChunkLimits()) -> Dechunked {
    var decoder = ChunkedDecoder(limits: limits)
    var result = Dechunked()
    var start = 0
    while start < bytes.count {
        let piece = Array(bytes[start..<min(bytes.count, start + min(step, bytes.count))])
        var offset = 0
        events: while true {
            switch piece.withUnsafeBytes({ decoder.next($0, at: &offset) }) {
            case .data(let range): result.body += piece[Int(range.start)..<Int(range.end)]
            case .trailer(let range): result.trailer += piece[Int(range.start)..<Int(range.end)]
            case .needMore: break events
            case .end:
                result.ended = true
                result.used = start + offset
                return result
            case .rejected(let reason):
                result.rejection = reason
                return result
            }
        }
        start += piece.count
    }
    result.used = start
    return result
}

/// SplitMix64: a test prints its seed, and the same seed gives the same run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// Parses `text`, which must be a request, and gives its head and bytes to `body`.
func withRequest<Result>(_ text: String, _ body: (RequestHead, UnsafeRawBufferPointer) throws -> Result) rethrows
    -> Result
{
    var parser = RequestHeadParser()
    var head = RequestHead()
    return try Array(text.utf8).withUnsafeBytes { raw in
        if case .complete = parser.parse(raw, into: &head) {} else { Issue.record("not a request: \(text)") }
        return try body(head, raw)
    }
}
