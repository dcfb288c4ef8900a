#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The one JSON dialect of the admin API: snake_case keys in a stable order, whatever the Swift names are.
package enum WireJSON {
    package static func encode(_ value: some Encodable, pretty: Bool = false) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        return Array(try encoder.encode(value))
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: some Sequence<UInt8>) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(bytes))
    }

    /// As `decode`, in less time, for a type that holds no dictionary, whose keys would be renamed too. A general decoder
    /// converts the keys of each object anew; here all are renamed in one pass before.
    static func decodeNames<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(memberNames(bytes)))
    }

    /// The same text, its keys as Swift's members are named: what is a string before a colon, `requests_now`, is `requestsNow`.
    static func memberNames(_ text: [UInt8]) -> [UInt8] {
        let (quote, escape, underscore) = (UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "_"))
        var renamed: [UInt8] = []
        renamed.reserveCapacity(text.count)
        var position = 0
        while position < text.count {
            guard text[position] == quote else {
                renamed.append(text[position])
                position += 1
                continue
            }
            var end = position + 1
            while end < text.count, text[end] != quote { end += text[end] == escape ? 2 : 1 }
            end = min(end + 1, text.count)
            var next = end
            while next < text.count, text[next] == UInt8(ascii: " ") { next += 1 }
            guard next < text.count, text[next] == UInt8(ascii: ":") else {
                renamed += text[position..<end]
                position = end
                continue
            }
            var startsWord = false
            for byte in text[position..<end] {
                if byte != underscore {
                    let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    renamed.append(startsWord && isLetter ? byte - 32 : byte)
                }
                startsWord = byte == underscore
            }
            position = end
        }
        return renamed
    }

    /// One line of what `encode` has written over several.
    package static func oneLine(_ pretty: some Sequence<UInt8>) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(pretty.underestimatedCount)
        var isText = false
        var isEscaped = false
        for byte in pretty {
            if isText {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isText = false
                }
            } else if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") {
                continue
            } else {
                isText = byte == UInt8(ascii: "\"")
            }
            line.append(byte)
        }
        return line
    }
}
