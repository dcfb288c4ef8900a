internal import HTTP1

/// The head fields that describe a file.
struct FileFields {
    var etag: [UInt8]
    var lastModified: [UInt8]
    var contentType: StaticString
    var coding: OpenFile.Coding
    var isImmutable: Bool
    var hasVariants: Bool

    init(
        etag: [UInt8], lastModified: [UInt8], contentType: StaticString, coding: OpenFile.Coding, isImmutable: Bool,
        hasVariants: Bool
    ) {
        self.etag = etag
        self.lastModified = lastModified
        self.contentType = contentType
        self.coding = coding
        self.isImmutable = isImmutable
        self.hasVariants = hasVariants
    }

    init(_ file: OpenFile) {
        self.init(
            etag: file.etag, lastModified: file.lastModified, contentType: file.contentType, coding: file.coding,
            isImmutable: file.isImmutable, hasVariants: file.hasVariants)
    }

    /// No file's fields are longer: a type of at most 80 bytes, an ETag of 48, fixed lines.
    static let largest = 512

    func writeRepresentation(omitting: FieldSet = FieldSet(), to writer: inout ByteWriter) {
        if !omitting.contains(.contentType) {
            writer.write("Content-Type: ")
            writer.write(contentType)
            writer.write("\r\n")
        }
        writeCoding(to: &writer)
        writer.write("Accept-Ranges: bytes\r\n")
    }

    func writeCoding(to writer: inout ByteWriter) {
        switch coding {
        case .identity: break
        case .brotli: writer.write("Content-Encoding: br\r\n")
        case .gzip: writer.write("Content-Encoding: gzip\r\n")
        }
    }

    /// What a 304 repeats (RFC 9110 section 15.4.5).
    func writeValidators(omitting: FieldSet = FieldSet(), to writer: inout ByteWriter) {
        if !omitting.contains(.eTag) {
            writer.write("ETag: ")
            etag.withUnsafeBytes { writer.write($0) }
            writer.write("\r\n")
        }
        if !lastModified.isEmpty, !omitting.contains(.lastModified) {
            writer.write("Last-Modified: ")
            lastModified.withUnsafeBytes { writer.write($0) }
            writer.write("\r\n")
        }
        if isImmutable, !omitting.contains(.cacheControl) {
            writer.write("Cache-Control: public, max-age=31536000, immutable\r\n")
        }
        if hasVariants, !omitting.contains(.vary) { writer.write("Vary: Accept-Encoding\r\n") }
    }

    func bytes(_ write: (inout ByteWriter) -> Void) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: FileFields.largest) { memory, count in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
            write(&writer)
            count = writer.count
        }
    }
}
