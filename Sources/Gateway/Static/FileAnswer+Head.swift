package import HTTP1

extension FileAnswer {
    /// Upper bound of what `writeHead` writes.
    package static var largestHead: Int { FileFields.largest + 256 }

    /// Status line and fields, without the empty line that ends a head: the caller adds Date, Server and Connection.
    package func writeHead(to writer: inout ByteWriter) {
        switch status {
        case 200:
            writer.write("HTTP/1.1 200 OK\r\n")
            file.wholeFields.withUnsafeBytes { writer.write($0) }
        case 206:
            writer.write("HTTP/1.1 206 Partial Content\r\n")
            writeFields(to: &writer)
        case 304:
            writer.write("HTTP/1.1 304 Not Modified\r\n")
            file.unchangedFields.withUnsafeBytes { writer.write($0) }
        case 412:
            writer.write("HTTP/1.1 412 Precondition Failed\r\n")
            writeFields(to: &writer)
        default:
            writer.write("HTTP/1.1 416 Range Not Satisfiable\r\n")
            writeFields(to: &writer)
        }
    }

    /// The fields alone, for an answer whose status line and other fields are an app's (X-Sendfile).
    /// - Parameter omitting: what the app has said itself and may know better: `contentType`, `cacheControl`, `vary`. Its
    ///   ETag and Last-Modified should give way: conditions and ranges were judged by the file's.
    package func writeFields(omitting: FieldSet = FieldSet(), to writer: inout ByteWriter) {
        let fields = FileFields(file)
        switch status {
        case 200, 206:
            if let boundary {
                writer.write("Content-Type: multipart/byteranges; boundary=")
                FileAnswer.write(boundary: boundary, to: &writer)
                writer.write("\r\n")
                fields.writeRepresentation(omitting: omitting.union([.contentType]), to: &writer)
            } else {
                fields.writeRepresentation(omitting: omitting, to: &writer)
            }
            fields.writeValidators(omitting: omitting, to: &writer)
            if let range { FileAnswer.write(contentRange: range, of: file.size, to: &writer) }
        case 304: return fields.writeValidators(omitting: omitting, to: &writer)
        case 416:
            writer.write("Content-Range: bytes */")
            writer.write(decimal: file.size)
            writer.write("\r\n")
        default: break
        }
        writer.write("Content-Length: ")
        writer.write(decimal: contentLength)
        writer.write("\r\n")
    }
}
