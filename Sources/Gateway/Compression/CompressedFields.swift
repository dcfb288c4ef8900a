package import HTTP1

/// How the head of an answer changes by a decision: what is dropped from the app's fields, and what is written instead.
package struct CompressedFields {
    private let decision: CompressionDecision

    package init(_ decision: CompressionDecision) { self.decision = decision }

    private var isCompressed: Bool { if case .compress = decision { true } else { false } }

    /// For `AnswerHead.begin`, whose framing must be `.chunked` then: the length is not known. Also for HEAD, whose answer
    /// has the fields that a GET's would have.
    package var dropping: FieldSet { isCompressed ? [.acceptRanges, .eTag] : FieldSet() }

    /// Upper bound of what `write` writes.
    package static func encodedSize(headLength: Int) -> Int { headLength + 96 }

    /// Content-Encoding and ETag when it is compressed; Vary whenever the request had a say in it, also when it is not.
    package func write(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        if isCompressed {
            writer.write("Content-Encoding: gzip\r\n")
            writeTag(head, bytes, to: &writer)
        }
        let dependsOnRequest = if case .leave(let reason) = decision { reason.dependsOnRequest } else { true }
        if dependsOnRequest, !variesAlready(head, bytes) { writer.write("Vary: Accept-Encoding\r\n") }
    }

    /// A strong tag promises the same bytes (RFC 9110 section 8.8.1), which gzip does not keep: it becomes a weak one. What
    /// is no tag at all is left out.
    private func writeTag(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        guard let tag = head.first(.eTag)?.of(bytes), tag.count >= 2 else { return }
        if tag[0] == UInt8(ascii: "\"") {
            writer.write("ETag: W/")
        } else if tag[0] == UInt8(ascii: "W"), tag[1] == UInt8(ascii: "/") {
            writer.write("ETag: ")
        } else {
            return
        }
        writer.write(tag)
        writer.write("\r\n")
    }

    private func variesAlready(_ head: ResponseHead, _ bytes: UnsafeRawBufferPointer) -> Bool {
        var varies = false
        for field in head.fields where field.id == .vary {
            FieldText.forEachElement(field.value.of(bytes)) {
                varies = varies || FieldText.equal($0, "accept-encoding") || FieldText.equal($0, "*")
            }
        }
        return varies
    }
}
