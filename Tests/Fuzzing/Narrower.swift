internal import HTTP1

/// Where we and NIOHTTP1 differ, and why that is meant so. A difference that is not here is a finding.
enum Narrower {
    enum Reason: Hashable, CustomStringConvertible {
        case head(Rejection)
        case chunk(ChunkRejection)

        var description: String {
            switch self {
            case .head(let reason): "\(reason)"
            case .chunk(let reason): "\(reason)"
            }
        }
    }

    /// Requests that only we refuse.
    static func isMeant(_ reason: Reason, request: UnsafeRawBufferPointer) -> Bool {
        switch reason {
        // NIOHTTP1 skips any number of CR and LF before a request; we one CRLF. Anywhere else it must refuse them too.
        case .head(.badStartOfMessage), .head(.bareLineFeed), .head(.bareCarriageReturn):
            request.first == 13 || request.first == 10
        // It does not look into targets beyond their bytes, nor at Host.
        case .head(.badTarget), .head(.badEscape), .head(.badHost), .head(.missingHost), .head(.repeatedHost): true
        // It skips any number of spaces before the version.
        case .head(.badVersion): zip(request, request.dropFirst()).contains { $0 == 32 && $1 == 32 }
        // RFC 9112 section 6.1: must not be in HTTP/1.0; a coding that is not understood is 501. It takes the body up to
        // the end of the connection, or as chunked when that comes last.
        case .head(.transferEncodingInHTTP10), .head(.unknownTransferCoding), .head(.badTransferEncoding): true
        case .head(.unknownExpectation): true
        default: isMeant(chunks: reason)
        }
    }

    /// Responses that only we refuse.
    static func isMeant(_ reason: Reason, response: UnsafeRawBufferPointer) -> Bool {
        switch reason {
        // It skips CR and LF before a status line, and takes a status of any three digits with anything after it.
        case .head(.badStatusLine): true
        // A body that ends with the connection would be legal; no worker needs codings that we would have to trust blindly.
        case .head(.transferEncodingInHTTP10), .head(.unknownTransferCoding), .head(.badTransferEncoding),
            .head(.chunkedNotLast):
            true
        default: isMeant(chunks: reason)
        }
    }

    private static func isMeant(chunks reason: Reason) -> Bool {
        switch reason {
        // It takes any trailer field, an extension without a name, and any number of zeros before a chunk's size.
        case .chunk(.forbiddenTrailer), .chunk(.badExtension), .chunk(.sizeTooLarge): true
        default: false
        }
    }

    /// What NIOHTTP1 says of messages that only it refuses: it has a list of methods and of versions. RFC 9110 lets any token be a
    /// method (section 9.1) and a higher minor version mean the highest known one (section 2.5).
    static let theirs: Set<String> = ["invalid HTTP method", "invalid HTTP version"]
}
