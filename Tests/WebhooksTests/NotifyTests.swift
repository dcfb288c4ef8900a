import Foundation
import Testing

@testable import Webhooks

@Suite struct NotifyTests {
    /// RFC 4231, test case 2.
    @Test func `the signature is the HMAC of the body`() {
        let order = WebhookOrder(url: "", body: "what do ya want for nothing?", secret: "Jefe")
        #expect(
            order.signature
                == "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }
}
