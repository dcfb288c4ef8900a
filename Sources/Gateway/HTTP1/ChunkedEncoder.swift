/// Puts chunk framing on a body.
package enum ChunkedEncoder {
    /// Room that `writeHeader` needs at most: 16 digits and CRLF.
    package static let maxHeaderLength = 18
    /// After the data of each chunk.
    package static let chunkEnd: StaticString = "\r\n"
    /// After the last chunk; without trailers.
    package static let bodyEnd: StaticString = "0\r\n\r\n"

    /// Writes the line before `length` data bytes. A length of 0 would end the body: it writes nothing.
    package static func writeHeader(length: Int, to writer: inout ByteWriter) {
        guard length > 0 else { return }
        writer.write(hexadecimal: length)
        writer.write("\r\n")
    }
}
