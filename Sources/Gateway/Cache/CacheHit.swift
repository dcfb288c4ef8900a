package import HTTP1
import Model

/// An answer from the cache to one request: 304 when the client has it already, without a body for HEAD.
///
/// `head` and `headBytes` are what a worker's would be, so that whatever else is done to a worker's answer (fields added,
/// compression, the access log) is done to this one in the same way.
package struct CacheHit: Sendable {
    package let answer: StoredAnswer
    package let head: ResponseHead
    /// Seconds, for the Age field (RFC 9111 section 5.1).
    package let age: Int
    package let sendsBody: Bool
    package var headBytes: [UInt8] { answer.headBytes }

    init(_ answer: StoredAnswer, for request: CacheRequest, now: Instant) {
        self.answer = answer
        age = answer.age(now)
        var head = answer.head
        if Preconditions.isNotModified(request, answer) {
            head.status = 304
            head.reason = .empty
            head.framing = .none
            head.contentLength = nil
            answer.headBytes.withUnsafeBytes { bytes in head.fields.removeAll { !Self.isSentWith304($0, bytes) } }
        } else if request.isHead {
            head.framing = .none
        }
        self.head = head
        sendsBody = head.framing != .none
    }

    /// RFC 9110 section 15.4.5; Last-Modified too, for answers without an entity tag.
    private static func isSentWith304(_ field: HeaderField, _ bytes: UnsafeRawBufferPointer) -> Bool {
        switch field.id {
        case .cacheControl, .date, .eTag, .expires, .lastModified, .vary: true
        default: FieldText.equal(field.name.of(bytes), "content-location")
        }
    }

    /// Upper bound of what `writeHead` writes.
    package var encodedSize: Int { AnswerHead.encodedSize(head, headLength: headBytes.count, extra: 64) }

    /// Status line, fields, framing and Age; more fields may follow, then `AnswerHead.end`.
    package func writeHead(keepAlive: Bool, clientMinor: UInt8, to writer: inout ByteWriter) {
        headBytes.withUnsafeBytes { bytes in
            AnswerHead.begin(
                head, bytes, framing: head.framing, keepAlive: keepAlive, clientMinor: clientMinor, to: &writer)
        }
        writer.write("Age: ")
        writer.write(decimal: age)
        writer.write("\r\n")
    }
}
