import AccessLog
import HTTP1
import NIOCore
import Sockets

extension ClientConnection {
    /// Sends a plain request to https, where that is wanted (`ssl_redirect`). True when it was answered so. A request of which
    /// a trusted proxy says that it came to it by https is not plain.
    func redirectsToHTTPS() -> Bool {
        guard let port = loop.redirectPort, origin?.isSecure == false else { return false }
        let bytes = headBytes.bytes
        guard !isCertificateChallenge(head.path.of(bytes)) else { return false }
        let host = head.hostName.of(bytes)
        guard !host.isEmpty else {
            refuse(.badRequest(status: 400, reason: "it names no host, so it cannot be sent to https"))
            return true
        }
        // The parser has let through neither control characters nor anything else that could end a line.
        var location = "https://" + String(decoding: host, as: UTF8.self)
        if port != 443 { location += ":\(port)" }
        let path = String(decoding: head.path.of(bytes), as: UTF8.self)
        location += path.isEmpty || path == "*" ? "/" : path
        if head.hasQuery { location += "?" + String(decoding: head.query.of(bytes), as: UTF8.self) }
        sendRedirect(to: location)
        return true
    }

    /// Authorities ask for these by http (RFC 8555 section 8.3), often before there is a certificate.
    private func isCertificateChallenge(_ path: UnsafeRawBufferPointer) -> Bool {
        let prefix: StaticString = "/.well-known/acme-challenge/"
        guard path.count > prefix.utf8CodeUnitCount else { return false }
        return (0..<prefix.utf8CodeUnitCount).allSatisfy { path[$0] == prefix.utf8Start[$0] }
    }

    /// 308 keeps method and body where 301 might not (RFC 9110 sections 15.4.2 and 15.4.9).
    private func sendRedirect(to location: String) {
        answer.status = head.method == .get || head.method == .head ? 301 : 308
        answer.source = .gateway
        answer.keepClient = false
        let status = answer.status == 301 ? "301 Moved Permanently" : "308 Permanent Redirect"
        let text = "HTTP/1.1 \(status)\r\nDate: \(HTTPDate.now())\r\nLocation: \(location)\r\nContent-Length: 0\r\n"
        send(ByteBuffer(string: text), ByteBuffer())
    }
}
