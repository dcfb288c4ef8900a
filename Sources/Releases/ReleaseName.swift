package import Model

/// The name of a release's directory, `<n>-<sha7>`: the deploy that made it and the commit that it holds.
///
/// Anything else in `releases/` is not ours: it is neither listed nor pruned.
package struct ReleaseName: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    package let number: DeployNumber
    /// The first seven hexadecimal digits of the commit. Not unique, nor needed to be: the number is.
    package let shortCommit: String

    package init(number: DeployNumber, commit: CommitID) {
        self.number = number
        shortCommit = commit.short
    }

    /// Nil unless the text is exactly what `description` would print: no leading zeros, lower case.
    package init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].count <= 18, parts[1].count == 7 else { return nil }
        guard parts[0].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        guard parts[0].first != UInt8(ascii: "0"), let number = Int(String(Substring(parts[0]))) else { return nil }
        guard parts[1].allSatisfy(CommitID.isDigit) else { return nil }
        self.number = DeployNumber(number)
        shortCommit = String(Substring(parts[1]))
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let name = ReleaseName(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a release name: \(text)")
        }
        self = name
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    package var description: String { "\(number.rawValue)-\(shortCommit)" }

    package static func < (a: ReleaseName, b: ReleaseName) -> Bool {
        (a.number, a.shortCommit) < (b.number, b.shortCommit)
    }
}
