import Foundation

/// JSON lines, both ways. A line holds one value and is at most `maxLineBytes` long.
package enum BuilderWire {
    /// Far beyond any legal value; a peer that sends more is broken.
    package static let maxLineBytes = 4 << 20

    /// The value's line, line feed included.
    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try [UInt8](encoder.encode(value)) + [UInt8(ascii: "\n")]
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from line: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(line))
    }
}

/// Cuts a stream of bytes into lines.
package struct LineBuffer: Sendable {
    private var pending: [UInt8] = []
    private let maxLineBytes: Int
    /// Set when a line grew past the limit. The stream cannot be trusted from there on, and no more lines come.
    package private(set) var overflowed = false

    package init(maxLineBytes: Int = BuilderWire.maxLineBytes) { self.maxLineBytes = maxLineBytes }

    /// The lines that the bytes complete, without their line feeds and without empty ones.
    package mutating func append(_ bytes: some Collection<UInt8>) -> [[UInt8]] {
        guard !overflowed else { return [] }
        var lines: [[UInt8]] = []
        for piece in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if piece.offset > 0 {
                if !pending.isEmpty { lines.append(pending) }
                pending.removeAll(keepingCapacity: true)
            }
            pending.append(contentsOf: piece.element)
            if pending.count > maxLineBytes {
                overflowed = true
                pending = []
                break
            }
        }
        return lines
    }
}
