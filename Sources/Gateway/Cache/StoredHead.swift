import HTTP1

/// An answer's head as it is stored: what passes to clients, with a Date, without Age and framing, which are written anew
/// each time.
enum StoredHead {
    static func isAge(_ field: HeaderField, _ bytes: UnsafeRawBufferPointer) -> Bool {
        field.id == .other && FieldText.equal(field.name.of(bytes), "age")
    }

    /// Nil when the head that was written cannot be read again, which only a head of absurd size does not.
    static func make(
        _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, wallClock: Int
    ) -> (head: ResponseHead, bytes: [UInt8])? {
        var passing = head
        passing.fields.removeAll { isAge($0, bytes) }
        // Its length is known when its body is.
        passing.contentLength = nil
        let size = AnswerHead.encodedSize(passing, headLength: bytes.count, extra: 64)
        let written = [UInt8](unsafeUninitializedCapacity: size) { memory, count in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
            AnswerHead.begin(passing, bytes, framing: .none, keepAlive: true, clientMinor: 1, to: &writer)
            if !head.known.contains(.date) { writeDate(wallClock, to: &writer) }
            count = AnswerHead.end(&writer) ?? 0
        }
        var parser = ResponseHeadParser()
        var parsed = ResponseHead()
        let result = written.withUnsafeBytes { parser.parse($0, requestMethod: .get, into: &parsed) }
        guard case .complete = result else { return nil }
        parsed.keepAlive = true
        // The buffer was reserved with room to spare.
        return (parsed, written.withUnsafeBytes { Array($0) })
    }

    /// RFC 9110 section 6.6.1: who stores an answer without a date dates it.
    private static func writeDate(_ wallClock: Int, to writer: inout ByteWriter) {
        writer.write("Date: ")
        HTTPDate.format(wallClock, to: &writer)
        writer.write("\r\n")
    }
}
