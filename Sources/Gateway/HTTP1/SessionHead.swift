/// Writes a request's head in the session protocol: a 4-byte big-endian length, then NUL-terminated keys and values.
///
///     var writer = ByteWriter(memory)                       // at least encodedSize(…) bytes
///     SessionHead.begin(head, bytes, facts, forwarding, to: &writer)
///     SessionHead.field("X-Forwarded-For", address, to: &writer)
///     guard let count = SessionHead.end(&writer) else { … 431 … }
///
/// The writer must be new: the length is written at its start.
package enum SessionHead {
    /// Largest head without its length word; a worker refuses a longer one.
    package static let limit = 262_144

    /// Upper bound of what is written. `extra` is the sum over what is given to `field`: name, value, and 16 bytes each.
    package static func encodedSize(
        _ head: RequestHead, headLength: Int, _ facts: ConnectionFacts, extra: Int = 0
    ) -> Int {
        // A field "a:\r\n" takes three bytes beside name and value, "HTTP_A\0\0" seven. The target appears as REQUEST_URI
        // and once more, cut up.
        let variables = headLength + 8 * head.fields.count + 2 * head.target.count + 2 * head.host.count
        return variables + facts.sessionPairs.count + facts.fallbackName.count + 512 + extra
    }

    /// Names with an underscore are dropped, and so are hop-by-hop fields and `Proxy` (it would become HTTP_PROXY, which
    /// CGI-style programs take for their own proxy setting). Repeated fields are joined: a key appears once.
    package static func begin(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, _ facts: ConnectionFacts, _ forwarding: Forwarding,
        to writer: inout ByteWriter
    ) {
        writer.write("\0\0\0\0REQUEST_METHOD\0")
        writer.write(head.methodRange.of(bytes))
        writeTarget(head, bytes, forwarding, to: &writer)
        writer.write(head.versionMinor == 0 ? "\0SERVER_PROTOCOL\0HTTP/1.0\0" : "\0SERVER_PROTOCOL\0HTTP/1.1\0")
        facts.sessionPairs.withUnsafeBytes { writer.write($0) }
        writer.write("SERVER_NAME\0")
        if head.host.isEmpty {
            facts.fallbackName.withUnsafeBytes { writer.write($0) }
        } else {
            writer.write(head.hostName.of(bytes))
            writer.write("\0HTTP_HOST\0")
            writer.write(head.host.of(bytes))
        }
        writer.write(byte: 0)
        writeFraming(head, bytes, forwarding, to: &writer)
        writeFields(head, bytes, dropping: forwarding.dropping, to: &writer)
    }

    package static func field(_ name: StaticString, _ value: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        writeKey(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount), to: &writer)
        writer.write(value)
        writer.write(byte: 0)
    }

    /// `value` after the client's own values of the field, joined by commas: for `X-Forwarded-For` of a trusted peer.
    /// The field must be in `Forwarding.dropping`, or it is there twice.
    package static func field(
        _ name: FieldName, appending value: UnsafeRawBufferPointer, _ head: RequestHead,
        _ bytes: UnsafeRawBufferPointer,
        to writer: inout ByteWriter
    ) {
        let text = name.text
        writeKey(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), to: &writer)
        for field in head.fields where field.id == name && !field.value.isEmpty {
            writer.write(field.value.of(bytes))
            writer.write(", ")
        }
        writer.write(value)
        writer.write(byte: 0)
    }

    /// Number of bytes written; nil when they are over `limit` or did not fit.
    package static func end(_ writer: inout ByteWriter) -> Int? {
        let length = writer.count - 4
        guard !writer.overflowed, length >= 0, length <= limit else { return nil }
        writer.patch(bigEndian: UInt32(length), at: 0)
        return writer.count
    }

    /// PATH_INFO stays as the client sent it: Rack apps unescape it themselves, the Python loader does for WSGI.
    private static func writeTarget(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, _ forwarding: Forwarding, to writer: inout ByteWriter
    ) {
        let path = head.path.of(bytes)
        let base = min(forwarding.basePathLength, path.count)
        writer.write("\0SCRIPT_NAME\0")
        writer.write(UnsafeRawBufferPointer(rebasing: path[..<base]))
        writer.write("\0PATH_INFO\0")
        if path.isEmpty, head.targetForm == .absolute { writer.write(byte: UInt8(ascii: "/")) }
        writer.write(UnsafeRawBufferPointer(rebasing: path[base...]))
        writer.write("\0QUERY_STRING\0")
        writer.write(head.query.of(bytes))
        writer.write("\0REQUEST_URI\0")
        ForwardHead.writeTarget(head, bytes, to: &writer)
    }

    private static func writeFraming(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, _ forwarding: Forwarding, to writer: inout ByteWriter
    ) {
        switch forwarding.body {
        case .none: break
        case .length(let length):
            writer.write("CONTENT_LENGTH\0")
            writer.write(decimal: length)
            writer.write(byte: 0)
        case .chunked: writer.write("HTTP_TRANSFER_ENCODING\0chunked\0")
        }
        if forwarding.upgrade {
            writer.write("HTTP_CONNECTION\0upgrade\0HTTP_UPGRADE\0")
            writer.write(head.upgradeProtocol.of(bytes))
            writer.write(byte: 0)
        }
    }

    private static func writeFields(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, dropping: FieldSet, to writer: inout ByteWriter
    ) {
        let passing = PassingFields(
            fields: head.fields, bytes: bytes, dropped: FieldSet.hopByHop.union(dropping).union([.host]),
            dropsUnderscores: head.hasUnderscoreHeader, connectionNamesFields: head.connectionNamesFields)
        for index in head.fields.indices {
            let field = head.fields[index]
            guard passing.passes(field) else { continue }
            if head.mayRepeatFields, passing.isRepetition(at: index) { continue }
            if field.id == .contentType {
                writer.write("CONTENT_TYPE\0")
            } else {
                writeKey(field.name.of(bytes), to: &writer)
            }
            writer.write(field.value.of(bytes))
            if head.mayRepeatFields { joinRepetitions(of: index, passing, to: &writer) }
            writer.write(byte: 0)
        }
    }

    /// RFC 9110 section 5.3; cookies by a semicolon, as in RFC 9113 section 8.2.3.
    private static func joinRepetitions(of index: Int, _ passing: PassingFields, to writer: inout ByteWriter) {
        let field = passing.fields[index]
        for later in passing.fields[(index + 1)...] where passing.isSameField(field, later) {
            writer.write(field.id == .cookie ? "; " : ", ")
            writer.write(later.value.of(passing.bytes))
        }
    }

    /// `Accept-Encoding` becomes `HTTP_ACCEPT_ENCODING` and its NUL.
    private static func writeKey(_ name: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        writer.write("HTTP_")
        writer.write(count: name.count) { target in
            for at in 0..<name.count { target.storeBytes(of: cgiByte(name[at]), toByteOffset: at, as: UInt8.self) }
        }
        writer.write(byte: 0)
    }

    @inline(__always)
    private static func cgiByte(_ byte: UInt8) -> UInt8 {
        if byte == UInt8(ascii: "-") { return UInt8(ascii: "_") }
        return byte &- UInt8(ascii: "a") < 26 ? byte & 0xdf : byte
    }
}
