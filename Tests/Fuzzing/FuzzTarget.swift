/// What can be fuzzed. The raw values are the names that `scripts/fuzz` takes.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// Parsed whole and in pieces; forwarded, and parsed again.
    case requestHead = "request-head"
    /// Written for a session worker, and taken apart by a decoder that knows nothing of the writer.
    case session
    /// Parsed whole and in pieces; answered, and parsed again.
    case responseHead = "response-head"
    /// Decoder, scanner and a plain reading of the grammar agree.
    case chunked
    /// Read whole and in pieces, and as a plain reading of it.
    case proxyProtocol = "proxy-protocol"
    /// What we accept means the same to NIOHTTP1, what only we refuse is on a list.
    case nioRequest = "nio-request"
    case nioResponse = "nio-response"
    case nioChunked = "nio-chunked"

    package var isDifferential: Bool { self == .nioRequest || self == .nioResponse || self == .nioChunked }
}

/// Runs the check of one target on many inputs, in memory that it keeps.
package final class Fuzzer {
    private let target: FuzzTarget
    private var requestHead = RequestHeadCheck()
    private var session = SessionCheck()
    private var responseHead = ResponseHeadCheck()
    private var chunked = ChunkedCheck()
    private let proxyProtocol = ProxyProtocolCheck()
    private var differential = DifferentialCheck()

    package init(_ target: FuzzTarget) { self.target = target }

    package func check(_ input: UnsafeRawBufferPointer) throws(Finding) {
        switch target {
        case .requestHead: try requestHead.run(input)
        case .session: try session.run(input)
        case .responseHead: try responseHead.run(input)
        case .chunked: try chunked.run(input)
        case .proxyProtocol: try proxyProtocol.run(input)
        case .nioRequest: try differential.request(input)
        case .nioResponse: try differential.response(input)
        case .nioChunked: try differential.chunked(input)
        }
    }

    /// Differential targets: how often both accepted, and what only we refused.
    package var tally: DifferentialCheck.Tally { differential.tally }
}
