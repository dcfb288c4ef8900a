/// A flag that a version before did not know. What that one wrote (the plan of a server that is upgraded, a journal) has no such
/// member, and is read as if it said false. Without it such a member would be an error, and the upgrade refused.
@propertyWrapper
package struct FalseIfMissing: Sendable, Equatable {
    package var wrappedValue: Bool
    package init(wrappedValue: Bool) { self.wrappedValue = wrappedValue }
}

extension FalseIfMissing: Codable {
    package init(from decoder: any Decoder) throws {
        wrappedValue = try decoder.singleValueContainer().decode(Bool.self)
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(wrappedValue)
    }
}

extension KeyedDecodingContainer {
    /// What the compiler's `init(from:)` calls for such a member.
    package func decode(_ type: FalseIfMissing.Type, forKey key: Key) throws -> FalseIfMissing {
        try decodeIfPresent(type, forKey: key) ?? FalseIfMissing(wrappedValue: false)
    }
}
