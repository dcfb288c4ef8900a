/// Writes the head of the answer to a client from a worker's response head: same status, reason and fields, without the
/// hop-by-hop ones, with this connection's own framing.
package enum AnswerHead {
    package static func encodedSize(_ head: ResponseHead, headLength: Int, extra: Int = 0) -> Int { 0 }
    /// `framing` is what the client sees: `.chunked` needs an HTTP/1.1 client, `.untilClose` needs `keepAlive` false;
    /// with `.none` the worker's Content-Length passes (HEAD, 304).
    package static func begin(
        _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, framing: ResponseFraming, keepAlive: Bool,
        clientMinor: UInt8, dropping: FieldSet, to writer: inout ByteWriter
    ) {}
    package static func field(_ name: StaticString, _ value: UnsafeRawBufferPointer, to writer: inout ByteWriter) {}
    package static func end(_ writer: inout ByteWriter) -> Int? { nil }
}
