/// The cookie that leads a client back to its worker: encoded once for an app, read and written for each request.
///
/// Attributes are as configured, as in Passenger: with the default `SameSite=Lax; Secure;` a browser drops the cookie on
/// plain HTTP, unless the host is localhost. Beyond Passenger it is HttpOnly; no script needs it, and today's browsers send
/// such cookies with WebSocket handshakes too.
package struct StickyCookie: Sendable {
    private let name: ContiguousArray<UInt8>
    /// `; Path=/shop; HttpOnly; SameSite=Lax; Secure` and CRLF.
    private let attributes: ContiguousArray<UInt8>

    /// Nil when the name is not a token (RFC 6265 section 4.1.1). Control characters in the attributes are dropped: they
    /// would end the field. `basePath` is where the app is mounted; attributes that say Path themselves win.
    package init?(name: String, attributes: String, basePath: String) {
        guard !name.isEmpty, name.utf8.allSatisfy(Bytes.isToken) else { return nil }
        self.name = ContiguousArray(name.utf8)
        let parts = attributes.split(separator: ";").map { StickyCookie.clean($0) }.filter { !$0.isEmpty }
        var text = ""
        if !parts.contains(where: { StickyCookie.isNamed("path", $0) }) {
            text += "; Path=" + StickyCookie.clean(basePath.isEmpty ? "/" : basePath[...])
        }
        if !parts.contains(where: { StickyCookie.isNamed("httponly", $0) }) { text += "; HttpOnly" }
        for part in parts { text += "; " + part }
        self.attributes = ContiguousArray((text + "\r\n").utf8)
    }

    /// What the client sent.
    package func value(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> ByteRange? {
        guard head.known.contains(.cookie) else { return nil }
        return name.withUnsafeBytes { CookieScan.value(of: $0, head, bytes) }
    }

    /// Number of bytes that `write` writes.
    package func encodedSize(valueLength: Int) -> Int { 13 + name.count + valueLength + attributes.count }

    /// A whole `Set-Cookie` field line. `value` must be of cookie octets, such as digits and letters.
    package func write(_ value: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        writer.write("Set-Cookie: ")
        name.withUnsafeBytes { writer.write($0) }
        writer.write(byte: UInt8(ascii: "="))
        writer.write(value)
        attributes.withUnsafeBytes { writer.write($0) }
    }

    private static func clean(_ text: Substring) -> String {
        let bytes = text.utf8.filter { $0 >= 32 && $0 != 127 && $0 != UInt8(ascii: ";") }
        let start = bytes.firstIndex { $0 != 32 } ?? bytes.endIndex
        let end = bytes.lastIndex { $0 != 32 }.map { $0 + 1 } ?? start
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    private static func isNamed(_ name: String, _ part: String) -> Bool {
        part.split(separator: "=", maxSplits: 1).first.map { clean($0).lowercased() } == name
    }
}
