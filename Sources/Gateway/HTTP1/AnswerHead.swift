/// Writes the head of the answer to a client from a worker's response head: same status, reason and fields, without the
/// hop-by-hop ones, with this connection's own framing.
package enum AnswerHead {
    /// Upper bound of what is written. `extra` is the sum over what is given to `field`: name, value, and 16 bytes each.
    package static func encodedSize(_ head: ResponseHead, headLength: Int, extra: Int = 0) -> Int {
        headLength + head.fields.count + 256 + extra
    }

    /// `framing` is what the client sees: `.chunked` needs an HTTP/1.1 client, `.untilClose` needs `keepAlive` false;
    /// with `.none` the worker's Content-Length passes where it says something (HEAD, 304).
    package static func begin(
        _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, framing: ResponseFraming, keepAlive: Bool,
        clientMinor: UInt8, dropping: FieldSet = FieldSet(), replaced: ReplacedFields? = nil,
        to writer: inout ByteWriter
    ) {
        writer.write("HTTP/1.1 ")
        writer.write(decimal: head.status)
        writer.write(byte: 32)
        writer.write(head.reason.of(bytes))
        writer.write("\r\n")
        let passing = PassingFields(
            fields: head.fields, bytes: bytes, dropped: FieldSet.hopByHop.union(dropping),
            dropsUnderscores: false, connectionNamesFields: head.connectionNamesFields, replaced: replaced)
        for field in head.fields where passing.passes(field) {
            writer.write(field: field, of: bytes)
        }
        writeFraming(head, framing, to: &writer)
        if head.upgrade, let protocolName = head.first(.upgrade) {
            field("Upgrade", protocolName.of(bytes), to: &writer)
            writer.write("Connection: upgrade\r\n")
        } else if head.status >= 200, !keepAlive {
            writer.write("Connection: close\r\n")
        } else if head.status >= 200, clientMinor == 0 {
            writer.write("Connection: keep-alive\r\n")
        }
    }

    package static func field(_ name: StaticString, _ value: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        ForwardHead.field(name, value, to: &writer)
    }

    /// Number of bytes written; nil when they did not fit.
    package static func end(_ writer: inout ByteWriter) -> Int? { ForwardHead.end(&writer) }

    private static func writeFraming(_ head: ResponseHead, _ framing: ResponseFraming, to writer: inout ByteWriter) {
        let length: Int? =
            switch framing {
            case .length(let length): length
            // RFC 9110 section 8.6: not with 1xx and 204.
            case .none where head.status >= 200 && head.status != 204: head.contentLength
            case .none, .chunked, .untilClose: nil
            }
        if let length {
            writer.write("Content-Length: ")
            writer.write(decimal: length)
            writer.write("\r\n")
        } else if framing == .chunked {
            writer.write("Transfer-Encoding: chunked\r\n")
        }
    }
}
