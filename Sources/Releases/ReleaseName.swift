package import Model

/// The name of a release's directory: `<n>-<sha7>`, the deploy that made it and the commit that it holds; or the fourteen digits of a
/// moment, for one that Capistrano made before the root was taken over.
///
/// Neither form can lead out of `releases/`. Anything else there is not ours: it is neither listed nor pruned.
package struct ReleaseName: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    private enum Form: Hashable {
        case deploy(DeployNumber, shortCommit: String)
        case moment(String)
    }
    private let form: Form

    package init(number: DeployNumber, commit: CommitID) { form = .deploy(number, shortCommit: commit.short) }

    /// Nil unless the text is exactly what `description` would print: no leading zeros, lower case.
    package init?(_ text: String) {
        guard let form = Self.moment(text) ?? Self.deploy(text) else { return nil }
        self.form = form
    }

    private static func moment(_ text: String) -> Form? {
        guard text.utf8.count == 14, text.utf8.allSatisfy(isDecimal) else { return nil }
        return .moment(text)
    }

    private static func deploy(_ text: String) -> Form? {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].count <= 18, parts[1].count == 7 else { return nil }
        guard parts[0].allSatisfy(isDecimal) else { return nil }
        guard parts[0].first != UInt8(ascii: "0"), let number = Int(String(Substring(parts[0]))) else { return nil }
        guard parts[1].allSatisfy(CommitID.isDigit) else { return nil }
        return .deploy(DeployNumber(number), shortCommit: String(Substring(parts[1])))
    }

    private static func isDecimal(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// Of the deploy that made it. Nil for one of Capistrano's: its number is in the journal, and nowhere else.
    package var number: DeployNumber? { if case .deploy(let number, _) = form { number } else { nil } }
    /// The first seven hexadecimal digits of the commit. Not unique, nor needed to be: the number is.
    package var shortCommit: String? { if case .deploy(_, let commit) = form { commit } else { nil } }
    /// When Capistrano made it, in UTC: `20261129103000`. Its clock's word: not every fourteen digits are a date.
    package var moment: String? { if case .moment(let text) = form { text } else { nil } }

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

    package var description: String {
        switch form {
        case .deploy(let number, let commit): "\(number.rawValue)-\(commit)"
        case .moment(let text): text
        }
    }

    /// What was taken over is older than all that came after it.
    package static func < (a: ReleaseName, b: ReleaseName) -> Bool {
        switch (a.form, b.form) {
        case (.deploy(let a, let aCommit), .deploy(let b, let bCommit)): (a, aCommit) < (b, bCommit)
        case (.moment(let a), .moment(let b)): a < b
        case (.moment, .deploy): true
        case (.deploy, .moment): false
        }
    }
}
