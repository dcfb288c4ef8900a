import HTTP1
import Model
import Pool
import Sockets

/// The gateway's own cookies: which worker a client's session is with, and, while two versions share the traffic, which of them.
extension ClientConnection {
    /// What the client says of itself.
    var stickyWish: StickyID? {
        guard let cookie = route?.sticky else { return nil }
        return StickyText.id(cookie.value(head, headBytes.bytes), headBytes.bytes)
    }

    var versionWish: GenerationNumber? {
        guard let cookie = route?.version else { return nil }
        return VersionText.generation(cookie.value(head, headBytes.bytes), headBytes.bytes)
    }

    /// Room that `writeCookies` needs.
    var cookieSize: Int {
        (route?.sticky?.encodedSize(valueLength: 16) ?? 0)
            + (route?.version?.encodedSize(valueLength: VersionText.longest) ?? 0)
    }

    /// Those that the client does not know yet.
    func writeCookies(to writer: inout ByteWriter) {
        guard let route, let claim else { return }
        if let cookie = route.sticky, stickyWish != claim.endpoint.sticky {
            StickyText.text(claim.endpoint.sticky).withUnsafeBytes { cookie.write($0, to: &writer) }
        }
        if let cookie = route.version, versionWish != claim.endpoint.generation {
            VersionText.text(claim.endpoint.generation).withUnsafeBytes { cookie.write($0, to: &writer) }
        }
    }
}
