internal import HTTP1

extension FileAnswer {
    /// A body of several ranges (RFC 9110 section 14.6).
    static func multipart(_ file: OpenFile, _ ranges: [Range<Int>], boundary: UInt64) -> FileAnswer {
        var pieces: [Piece] = []
        var length = 0
        for (index, range) in ranges.enumerated() {
            let opening = partHead(file, range, boundary: boundary, isFirst: index == 0)
            pieces.append(.bytes(opening))
            pieces.append(.file(range))
            length += opening.count + range.count
        }
        let end = written { writer in
            writer.write("\r\n--")
            write(boundary: boundary, to: &writer)
            writer.write("--\r\n")
        }
        pieces.append(.bytes(end))
        return FileAnswer(206, file, .pieces(pieces), contentLength: length + end.count, boundary: boundary)
    }

    private static func partHead(_ file: OpenFile, _ range: Range<Int>, boundary: UInt64, isFirst: Bool) -> [UInt8] {
        written { writer in
            if !isFirst { writer.write("\r\n") }
            writer.write("--")
            write(boundary: boundary, to: &writer)
            writer.write("\r\nContent-Type: ")
            writer.write(file.contentType)
            writer.write("\r\n")
            write(contentRange: range, of: file.size, to: &writer)
            writer.write("\r\n")
        }
    }

    /// Twenty digits and a word: the same length for every number.
    static func write(boundary: UInt64, to writer: inout ByteWriter) {
        writer.write("part")
        var divisor: UInt64 = 10_000_000_000_000_000_000
        while divisor > 0 {
            writer.write(byte: UInt8(ascii: "0") + UInt8(boundary / divisor % 10))
            divisor /= 10
        }
    }

    static func write(contentRange range: Range<Int>, of size: Int, to writer: inout ByteWriter) {
        writer.write("Content-Range: bytes ")
        writer.write(decimal: range.lowerBound)
        writer.write("-")
        writer.write(decimal: range.upperBound - 1)
        writer.write("/")
        writer.write(decimal: size)
        writer.write("\r\n")
    }

    private static func written(_ write: (inout ByteWriter) -> Void) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 320) { memory, count in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
            write(&writer)
            count = writer.count
        }
    }
}
