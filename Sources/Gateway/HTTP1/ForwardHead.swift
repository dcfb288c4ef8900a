/// Writes a request's head in HTTP/1.1 for a worker that speaks it. Called like `SessionHead`.
package enum ForwardHead {
    package static func encodedSize(_ head: RequestHead, headLength: Int, extra: Int = 0) -> Int { 0 }
    package static func begin(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, _ forwarding: Forwarding, to writer: inout ByteWriter
    ) {}
    package static func field(_ name: StaticString, _ value: UnsafeRawBufferPointer, to writer: inout ByteWriter) {}
    package static func field(
        _ name: FieldName, appending value: UnsafeRawBufferPointer, _ head: RequestHead,
        _ bytes: UnsafeRawBufferPointer,
        to writer: inout ByteWriter
    ) {}
    /// Number of bytes written; nil when they did not fit.
    package static func end(_ writer: inout ByteWriter) -> Int? { nil }
}
