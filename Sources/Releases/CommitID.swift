/// A full commit id: 40 lower-case hexadecimal digits. Once a deploy has one, it never looks at a branch again.
package struct CommitID: Hashable, Sendable, Codable, CustomStringConvertible {
    package let rawValue: String

    package init?(_ text: String) {
        guard text.utf8.count == 40, text.utf8.allSatisfy(CommitID.isDigit) else { return nil }
        rawValue = text
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let id = CommitID(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a commit id: \(text)")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    package var short: String { String(rawValue.prefix(7)) }
    package var description: String { rawValue }

    static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}
