internal import NIOCore
internal import NIOHPACK

/// A request's header block as an HTTP/1.1 head, for the parser and everything behind it. What two programs could read
/// differently is refused here, before it is a head: nothing that this writes can end a line early.
struct RequestFields {
    private var method: String?
    private var scheme: String?
    private var authority: String?
    private var path: String?
    private var host: String?
    private var cookies: [String] = []
    private(set) var contentLength: Int?
    private var sawField = false

    /// The head and the Content-Length in it. `endsStream`: there is no body.
    static func head(
        of headers: HPACKHeaders, endsStream: Bool, allocator: ByteBufferAllocator
    ) throws(MalformedRequest) -> (head: ByteBuffer, contentLength: Int?) {
        var fields = RequestFields()
        var size = 64
        for field in headers {
            size += field.name.utf8.count + field.value.utf8.count + 4
            try fields.take(field.name, field.value)
        }
        try fields.check(endsStream: endsStream)
        var head = allocator.buffer(capacity: size)
        fields.writeStart(to: &head)
        for field in headers where Self.isWritten(field.name) {
            head.writeString(field.name)
            head.writeStaticString(": ")
            head.writeString(field.value)
            head.writeStaticString("\r\n")
        }
        head.writeStaticString("\r\n")
        return (head, fields.contentLength)
    }

    /// Trailers are checked and dropped: no worker protocol has a place for them.
    static func checkTrailers(_ headers: HPACKHeaders) throws(MalformedRequest) {
        var fields = RequestFields()
        for field in headers {
            guard field.name.utf8.first != UInt8(ascii: ":") else { throw .unknownPseudoField }
            try fields.take(field.name, field.value)
        }
    }

    private mutating func take(_ name: String, _ value: String) throws(MalformedRequest) {
        guard value.withBytes(FieldBytes.isValue) else { throw .fieldValue }
        if name.utf8.first == UInt8(ascii: ":") {
            try takePseudo(name, value)
        } else {
            sawField = true
            guard name.withBytes(FieldBytes.isName) else { throw .fieldName }
            try takeField(name, value)
        }
    }

    private mutating func takePseudo(_ name: String, _ value: String) throws(MalformedRequest) {
        guard !sawField else { throw .pseudoFieldAfterField }
        switch name {
        case ":method": try Self.set(&method, value)
        case ":scheme": try Self.set(&scheme, value)
        case ":authority": try Self.set(&authority, value)
        case ":path": try Self.set(&path, value)
        default: throw .unknownPseudoField
        }
    }

    private static func set(_ field: inout String?, _ value: String) throws(MalformedRequest) {
        guard field == nil else { throw .repeatedPseudoField }
        field = value
    }

    private mutating func takeField(_ name: String, _ value: String) throws(MalformedRequest) {
        switch name {
        case "host":
            guard host == nil else { throw .repeatedHost }
            host = value
        case "cookie": cookies.append(value)
        case "content-length":
            guard contentLength == nil else { throw .repeatedContentLength }
            guard let length = value.withBytes(FieldBytes.decimal) else { throw .contentLength }
            contentLength = length
        // RFC 9113 section 8.2.2: they are about a connection, and this one is another.
        case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade": throw .connectionField
        case "te": guard value == "trailers" else { throw .connectionField }
        default: break
        }
    }

    /// RFC 9113 section 8.3.1.
    private func check(endsStream: Bool) throws(MalformedRequest) {
        guard let method, let path = path ?? (method == "CONNECT" ? "" : nil) else { throw .missingPseudoField }
        guard method.withBytes(FieldBytes.isMethod) else { throw .method }
        guard method != "CONNECT" else { throw .connect }
        guard let scheme else { throw .missingPseudoField }
        guard scheme == "https" || scheme == "http" else { throw .scheme }
        let isOrigin = path.utf8.first == UInt8(ascii: "/") || (path == "*" && method == "OPTIONS")
        guard isOrigin, path.withBytes(FieldBytes.isVisible) else { throw .path }
        if let authority, !authority.withBytes(FieldBytes.isVisible) { throw .authority }
        if let authority, let host {
            let agree = authority.withBytes { a in host.withBytes { FieldBytes.equalIgnoringCase(a, $0) } }
            guard agree else { throw .hostIsNotAuthority }
        }
        if endsStream, let contentLength, contentLength != 0 { throw .bodyLength }
    }

    private func writeStart(to head: inout ByteBuffer) {
        // All three are there, or `check` would have thrown.
        head.writeString(method ?? "")
        head.writeStaticString(" ")
        head.writeString(path ?? "")
        head.writeStaticString(" HTTP/1.1\r\n")
        // Without either the parser says 400.
        if let host = authority ?? host {
            head.writeStaticString("host: ")
            head.writeString(host)
            head.writeStaticString("\r\n")
        }
        guard let first = cookies.first else { return }
        // Clients split it for better compression (RFC 9113 section 8.2.3); HTTP/1.1 knows only one.
        head.writeStaticString("cookie: ")
        head.writeString(first)
        for crumb in cookies.dropFirst() {
            head.writeStaticString("; ")
            head.writeString(crumb)
        }
        head.writeStaticString("\r\n")
    }

    private static func isWritten(_ name: String) -> Bool {
        switch name {
        case "host", "cookie", "te": false
        default: name.utf8.first != UInt8(ascii: ":")
        }
    }
}
