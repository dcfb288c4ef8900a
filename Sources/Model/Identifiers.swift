/// The name an app is known by in commands, metrics and state files: letters, digits, `.`, `_` and `-`.
package struct AppName: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    package let rawValue: String

    /// Nil when the text is empty, longer than 64 bytes, starts with a dot, or has any other character.
    package init?(_ text: String) {
        guard (1...64).contains(text.utf8.count), text.utf8.first != UInt8(ascii: ".") else { return nil }
        guard text.utf8.allSatisfy(AppName.isAllowed) else { return nil }
        rawValue = text
    }

    /// The nearest legal name: every other character becomes `-`. Never empty.
    package init(sanitizing text: String) {
        let mapped = text.utf8.prefix(64).map { AppName.isAllowed($0) ? $0 : UInt8(ascii: "-") }
        let trimmed = mapped.drop { $0 == UInt8(ascii: ".") }
        rawValue = trimmed.isEmpty ? "app" : String(decoding: trimmed, as: UTF8.self)
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let name = AppName(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an app name: \(text)")
        }
        self = name
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    package var description: String { rawValue }
    package static func < (a: AppName, b: AppName) -> Bool { a.rawValue < b.rawValue }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// Numbers the sets of workers that one core has booted, per app. Counts up; never reused.
package struct GenerationNumber: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package init(_ rawValue: UInt32) { self.rawValue = rawValue }
    package var description: String { "g\(rawValue)" }
    package static func < (a: GenerationNumber, b: GenerationNumber) -> Bool { a.rawValue < b.rawValue }
}

/// Numbers the worker processes of one core. Counts up over all apps; never reused.
package struct WorkerNumber: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package init(_ rawValue: UInt32) { self.rawValue = rawValue }
    package var description: String { "w\(rawValue)" }
    package static func < (a: WorkerNumber, b: WorkerNumber) -> Bool { a.rawValue < b.rawValue }
}

/// Numbers the deploys of one app, and the release that a deploy makes: `releases/<n>-<sha>`. Counts up from 1; a
/// failed deploy keeps its number.
package struct DeployNumber: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    package let rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }
    package init(_ rawValue: Int) { self.rawValue = rawValue }
    package var description: String { "\(rawValue)" }
    package static func < (a: DeployNumber, b: DeployNumber) -> Bool { a.rawValue < b.rawValue }
}
