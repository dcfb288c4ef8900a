/// Takes secrets out of text that is shown or kept: values that an app's env file holds, and credentials in URLs.
package struct SecretMask: Sendable, Equatable {
    package static let mark = "***"
    /// A shorter value is part of too many words to be looked for.
    package static let shortest = 6
    private static let most = 2000

    /// By their first byte, the longest first (one may begin another): a text is gone through once for all of them.
    private let secrets: [[[UInt8]]]
    private let isEmpty: Bool

    /// A value of several lines is looked for line by line, as output is.
    package init(_ values: some Sequence<String> = []) {
        let lines = values.flatMap { value in
            value.split { $0.isNewline }.map { line in String(line.drop { $0 == " " }) }
        }
        let long = Set(lines.filter { $0.count >= SecretMask.shortest })
        var secrets = [[[UInt8]]](repeating: [], count: 256)
        for secret in long.sorted(by: { ($0.utf8.count, $0) > ($1.utf8.count, $1) }).prefix(SecretMask.most) {
            let bytes = Array(secret.utf8)
            secrets[Int(bytes[0])].append(bytes)
        }
        self.secrets = secrets
        isEmpty = long.isEmpty
    }

    package func masked(_ text: String) -> String {
        var text = SecretMask.withoutCredentials(text)
        guard !isEmpty else { return text }
        let result = text.withUTF8 { masked($0) }
        return result.map { String(decoding: $0, as: UTF8.self) } ?? text
    }

    /// Nil when there is nothing to take out.
    private func masked(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        var copied = 0
        var index = 0
        while index < bytes.count {
            let found = secrets[Int(bytes[index])].first { secret in
                secret.count <= bytes.count - index && bytes[index..<index + secret.count].elementsEqual(secret)
            }
            guard let found else {
                index += 1
                continue
            }
            result += bytes[copied..<index]
            result += SecretMask.mark.utf8
            index += found.count
            copied = index
        }
        return copied == 0 ? nil : result + bytes[copied...]
    }

    package func masked(_ text: String?) -> String? { text.map { masked($0) } }
    package func masked(_ lines: [String]) -> [String] { lines.map { masked($0) } }

    /// `https://token@host/x` becomes `https://***@host/x`. The user of an ssh URL is no secret, its password is.
    package static func withoutCredentials(_ text: String) -> String {
        guard text.contains("://"), text.utf8.contains(UInt8(ascii: "@")) else { return text }
        var result = ""
        var rest = text[...]
        while let scheme = rest.firstRange(of: "://") {
            result += rest[..<scheme.upperBound]
            let isSSH = rest[..<scheme.lowerBound].hasSuffix("ssh")
            rest = rest[scheme.upperBound...]
            let end = rest.firstIndex { "/?#\"'<>`".contains($0) || $0.isWhitespace } ?? rest.endIndex
            guard let at = rest[..<end].lastIndex(of: "@") else { continue }
            let user = rest[..<at]
            if isSSH {
                let colon = user.firstIndex(of: ":")
                result += colon.map { "\(user[..<$0]):\(mark)" } ?? String(user)
            } else {
                result += mark
            }
            rest = rest[at...]
        }
        return result + rest
    }

    /// An URL that was masked, without the mark: whoever uses it brings credentials of his own.
    package static func withoutMark(_ url: String) -> String {
        url.replacing("://\(mark)@", with: "://").replacing(":\(mark)@", with: "@")
    }
}
