import Crypto
import Foundation

/// What the core writes to `passenger _notify`: one JSON object.
package struct WebhookOrder: Sendable, Codable, Equatable {
    package var url: String
    package var body: String
    package var secret: String
    package init(url: String, body: String, secret: String) {
        self.url = url
        self.body = body
        self.secret = secret
    }

    /// `sha256=` and 64 hexadecimal digits (RFC 2104).
    package var signature: String {
        let code = HMAC<SHA256>.authenticationCode(
            for: Data(body.utf8), using: SymmetricKey(data: Data(secret.utf8)))
        return "sha256=" + code.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}
