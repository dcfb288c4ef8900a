/// Why a head was refused. After any of these the connection is closed: where the next message starts is not known.
package enum Rejection: UInt8, Error, CaseIterable, Sendable {
    case badStartOfMessage
    case badMethod
    case badTarget
    case badEscape
    case targetTooLong
    case badVersion
    case unsupportedVersion
    case bareLineFeed
    case bareCarriageReturn
    case obsoleteFolding
    case spaceBeforeColon
    case missingColon
    case badFieldName
    case badFieldValue
    case headTooLarge
    case tooManyFields
    case missingHost
    case repeatedHost
    case badHost
    case badContentLength
    case repeatedContentLength
    case lengthAndTransferEncoding
    case transferEncodingInHTTP10
    case badTransferEncoding
    case chunkedNotLast
    case unknownTransferCoding
    case unknownExpectation
    case badStatusLine

    /// The status to answer a client with. For a response's head, whatever the reason, the answer is 502.
    package var status: Int {
        switch self {
        case .targetTooLong: 414
        case .unknownExpectation: 417
        case .headTooLarge, .tooManyFields: 431
        case .unknownTransferCoding: 501
        case .unsupportedVersion: 505
        default: 400
        }
    }
}

extension Rejection: CustomStringConvertible {
    /// For the log and the error page; names the section that was broken.
    package var description: String { text.description }

    package var text: StaticString {
        switch self {
        case .badStartOfMessage: "the connection does not start with an HTTP request (RFC 9112 section 2.2)"
        case .badMethod: "the method is not a token, or too long (RFC 9110 section 9.1)"
        case .badTarget: "the request target is malformed (RFC 9112 section 3.2)"
        case .badEscape: "the path has a malformed percent escape, or an escaped NUL (RFC 3986 section 2.1)"
        case .targetTooLong: "the request line is too long (RFC 9112 section 3)"
        case .badVersion: "the request line does not end with an HTTP version (RFC 9112 section 2.3)"
        case .unsupportedVersion: "only HTTP/1.0 and HTTP/1.1 are spoken here (RFC 9110 section 2.5)"
        case .bareLineFeed: "a line ends with LF and no CR (RFC 9112 section 2.2)"
        case .bareCarriageReturn: "a CR is not followed by LF (RFC 9112 section 2.2)"
        case .obsoleteFolding: "a field is folded over lines (RFC 9112 section 5.2)"
        case .spaceBeforeColon: "white space before the colon of a field (RFC 9112 section 5.1)"
        case .missingColon: "a field line has no colon (RFC 9112 section 5)"
        case .badFieldName: "a field name is not a token (RFC 9110 section 5.1)"
        case .badFieldValue: "a field value has a control character (RFC 9110 section 5.5)"
        case .headTooLarge: "the head is too large (RFC 6585 section 5)"
        case .tooManyFields: "the head has too many fields (RFC 6585 section 5)"
        case .missingHost: "the Host field is missing (RFC 9112 section 3.2)"
        case .repeatedHost: "the Host field is repeated (RFC 9112 section 3.2)"
        case .badHost: "the Host is not a host name or address with an optional port (RFC 9112 section 3.2)"
        case .badContentLength: "Content-Length is not a number that fits (RFC 9112 section 6.3)"
        case .repeatedContentLength: "Content-Length is repeated (RFC 9112 section 6.3)"
        case .lengthAndTransferEncoding: "Content-Length and Transfer-Encoding together (RFC 9112 section 6.1)"
        case .transferEncodingInHTTP10: "Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)"
        case .badTransferEncoding: "Transfer-Encoding is malformed (RFC 9112 section 6.1)"
        case .chunkedNotLast: "chunked is not the last transfer coding, or is repeated (RFC 9112 section 6.3)"
        case .unknownTransferCoding: "the transfer coding is not supported (RFC 9112 section 6.1)"
        case .unknownExpectation: "the expectation is not supported (RFC 9110 section 10.1.1)"
        case .badStatusLine: "the status line is malformed (RFC 9112 section 4)"
        }
    }
}

/// What a head parser has to say about the bytes so far.
package enum HeadResult: Equatable, Sendable {
    case needMore
    /// The head takes this many bytes; its body starts there.
    case complete(headLength: Int)
    case rejected(Rejection)
}
