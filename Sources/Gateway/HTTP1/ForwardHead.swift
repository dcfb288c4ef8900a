/// Writes a request's head in HTTP/1.1 for a worker that speaks it. Called like `SessionHead`.
package enum ForwardHead {
    /// Upper bound of what is written. `extra` is the sum over what is given to `field`: name, value, and 16 bytes each.
    package static func encodedSize(_ head: RequestHead, headLength: Int, extra: Int = 0) -> Int {
        // "a:b" becomes "a: b".
        headLength + head.fields.count + head.host.count + 256 + extra
    }

    /// Drops the same fields as `SessionHead`; repeated fields stay as they are.
    package static func begin(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, _ forwarding: Forwarding, to writer: inout ByteWriter
    ) {
        writer.write(head.methodRange.of(bytes))
        writer.write(byte: 32)
        writeTarget(head, bytes, to: &writer)
        // Without a host in the request the field is there and empty (RFC 9112 section 3.2).
        writer.write(" HTTP/1.1\r\nHost: ")
        writer.write(head.host.of(bytes))
        writer.write("\r\n")
        switch forwarding.body {
        case .none: break
        case .length(let length):
            writer.write("Content-Length: ")
            writer.write(decimal: length)
            writer.write("\r\n")
        case .chunked: writer.write("Transfer-Encoding: chunked\r\n")
        }
        if forwarding.upgrade {
            writer.write("Connection: upgrade\r\nUpgrade: ")
            writer.write(head.upgradeProtocol.of(bytes))
            writer.write("\r\n")
        }
        let passing = PassingFields(
            fields: head.fields, bytes: bytes, dropped: FieldSet.hopByHop.union(forwarding.dropping).union([.host]),
            dropsUnderscores: head.hasUnderscoreHeader, connectionNamesFields: head.connectionNamesFields)
        for field in head.fields where passing.passes(field) {
            writer.write(field: field, of: bytes)
        }
    }

    package static func field(_ name: StaticString, _ value: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        writer.write(name)
        writer.write(": ")
        writer.write(value)
        writer.write("\r\n")
    }

    /// `value` after the client's own values of the field, joined by commas; see `SessionHead`.
    package static func field(
        _ name: FieldName, appending value: UnsafeRawBufferPointer, _ head: RequestHead,
        _ bytes: UnsafeRawBufferPointer,
        to writer: inout ByteWriter
    ) {
        writer.write(name.text)
        writer.write(": ")
        for field in head.fields where field.id == name && !field.value.isEmpty {
            writer.write(field.value.of(bytes))
            writer.write(", ")
        }
        writer.write(value)
        writer.write("\r\n")
    }

    /// Number of bytes written; nil when they did not fit.
    package static func end(_ writer: inout ByteWriter) -> Int? {
        writer.write("\r\n")
        return writer.overflowed ? nil : writer.count
    }

    /// In origin-form, whatever form it came in; `*` and an authority stay.
    static func writeTarget(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        guard head.targetForm == .absolute else { return writer.write(head.target.of(bytes)) }
        if head.path.isEmpty { writer.write(byte: UInt8(ascii: "/")) }
        writer.write(head.path.of(bytes))
        if head.hasQuery {
            writer.write(byte: UInt8(ascii: "?"))
            writer.write(head.query.of(bytes))
        }
    }
}
