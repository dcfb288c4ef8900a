/// Which parameters of a query carry secrets: their values are not written to the log.
///
/// Decided by the name alone, without regard to case: the word itself (`code`, `key`), or one that ends with such a word
/// as `reset_password_token` does, also in brackets (`user[password]`). A secret in a path (`/reset/4f2a…`) looks like any
/// other path and is written; so is one under a name that nobody would take for a secret.
enum SecretParameters {
    static let replacement: StaticString = "[redacted]"

    /// Calls `body` with the parts of a target or URL that may be written; nil stands for a secret.
    static func forEachPart(_ url: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) -> Void) {
        var start = 0
        if let password = userInformation(url) {
            body(UnsafeRawBufferPointer(rebasing: url[..<password.lowerBound]))
            body(nil)
            start = password.upperBound
        }
        guard let mark = url.firstIndex(of: UInt8(ascii: "?")) else {
            return body(UnsafeRawBufferPointer(rebasing: url[start...]))
        }
        var at = max(start, mark + 1)
        while at < url.count {
            var end = at
            var equals: Int?
            while end < url.count, !isSeparator(url[end]) {
                if url[end] == UInt8(ascii: "="), equals == nil { equals = end }
                end += 1
            }
            if let equals, equals + 1 < end, isSecret(UnsafeRawBufferPointer(rebasing: url[at..<equals])) {
                body(UnsafeRawBufferPointer(rebasing: url[start...equals]))
                body(nil)
                start = end
            }
            at = end + 1
        }
        if start < url.count { body(UnsafeRawBufferPointer(rebasing: url[start...])) }
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "&") || byte == UInt8(ascii: ";") || byte == UInt8(ascii: "#") || byte == UInt8(ascii: "?")
    }

    /// `user:password` of `https://user:password@host/`.
    private static func userInformation(_ url: UnsafeRawBufferPointer) -> Range<Int>? {
        guard url.first != UInt8(ascii: "/"), let colon = url.firstIndex(of: UInt8(ascii: ":")), colon + 2 < url.count,
            url[colon + 1] == UInt8(ascii: "/"), url[colon + 2] == UInt8(ascii: "/")
        else { return nil }
        let authority = url[(colon + 3)...]
        let end = authority.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? url.count
        guard let at = url[(colon + 3)..<end].lastIndex(of: UInt8(ascii: "@")) else { return nil }
        return (colon + 3)..<at
    }

    private static func isSecret(_ name: UnsafeRawBufferPointer) -> Bool {
        var name = name
        if name.last == UInt8(ascii: "]") {
            name = UnsafeRawBufferPointer(rebasing: name.dropLast())
        } else if ends(name, with: "%5d") {
            name = UnsafeRawBufferPointer(rebasing: name.dropLast(3))
        }
        return endings.contains { ends(name, with: $0) } || words.contains { isWord($0, atEndOf: name) }
    }

    /// Any name that ends so.
    private static let endings: [StaticString] = [
        "token", "password", "passwd", "passphrase", "secret", "signature", "apikey", "api_key", "api-key",
        "credential",
        "credentials", "private_key", "access_key", "assertion",
    ]
    /// The whole name, or all of it behind a bracket.
    private static let words: [StaticString] = [
        "code", "key", "sig", "auth", "authorization", "jwt", "otp", "pin", "pwd", "pass", "sid", "session",
        "session_id",
        "sessionid", "ticket", "samlresponse", "hmac",
    ]

    private static func ends(_ name: UnsafeRawBufferPointer, with text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard name.count >= count else { return false }
        for at in 0..<count {
            let byte = name[name.count - count + at]
            let lower = byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
            if lower != text.utf8Start[at] { return false }
        }
        return true
    }

    private static func isWord(_ word: StaticString, atEndOf name: UnsafeRawBufferPointer) -> Bool {
        guard ends(name, with: word) else { return false }
        let before = UnsafeRawBufferPointer(rebasing: name.dropLast(word.utf8CodeUnitCount))
        return before.isEmpty || before.last == UInt8(ascii: "[") || ends(before, with: "%5b")
    }
}
