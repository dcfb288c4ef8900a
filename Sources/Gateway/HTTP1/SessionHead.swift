/// Writes a request's head in the session protocol: a 4-byte big-endian length, then NUL-terminated keys and values.
///
///     var writer = ByteWriter(memory)                       // at least encodedSize(…) bytes
///     SessionHead.begin(head, bytes, facts, forwarding, to: &writer)
///     SessionHead.field("X-Forwarded-For", address, to: &writer)
///     guard let count = SessionHead.end(&writer) else { … 431 … }
package enum SessionHead {
    /// Largest head without its length word; a worker refuses a longer one.
    package static let limit = 262_144

    /// Upper bound of what is written, `extra` being the sum of names and values given to `field`, with 16 bytes each.
    package static func encodedSize(
        _ head: RequestHead, headLength: Int, _ facts: ConnectionFacts, extra: Int = 0
    ) -> Int { 0 }
    package static func begin(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, _ facts: ConnectionFacts, _ forwarding: Forwarding,
        to writer: inout ByteWriter
    ) {}
    package static func field(_ name: StaticString, _ value: UnsafeRawBufferPointer, to writer: inout ByteWriter) {}
    /// `value` after the client's own values of the field, joined by commas: for `X-Forwarded-For` of a trusted peer.
    /// The field must be in `Forwarding.dropping`.
    package static func field(
        _ name: FieldName, appending value: UnsafeRawBufferPointer, _ head: RequestHead,
        _ bytes: UnsafeRawBufferPointer,
        to writer: inout ByteWriter
    ) {}
    /// Number of bytes written; nil when they are over `limit` or did not fit.
    package static func end(_ writer: inout ByteWriter) -> Int? { nil }
}
