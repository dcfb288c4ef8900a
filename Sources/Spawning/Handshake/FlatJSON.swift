/// The flat JSON objects of the worker handshake (RFC 8259, one object, no nesting). Loaders are other people's
/// processes, so everything is bounded by the line that is parsed and nothing traps.
enum FlatJSON {
    enum Value: Equatable {
        case string(String)
        case integer(Int)
        case bool(Bool)
        case null

        var string: String? { if case .string(let text) = self { text } else { nil } }
        var integer: Int? { if case .integer(let number) = self { number } else { nil } }
    }

    /// Nil when the line is not one flat JSON object.
    static func parse(_ line: some Collection<UInt8>) -> [String: Value]? {
        var parser = Parser(bytes: Array(line))
        return parser.object()
    }

    /// Fields in the given order.
    static func encode(_ fields: [(String, Value)]) -> String {
        var text = "{"
        for (index, (key, value)) in fields.enumerated() {
            if index > 0 { text += "," }
            text += quoted(key) + ":"
            switch value {
            case .string(let string): text += quoted(string)
            case .integer(let number): text += String(number)
            case .bool(let flag): text += flag ? "true" : "false"
            case .null: text += "null"
            }
        }
        return text + "}"
    }

    private static func quoted(_ string: String) -> String {
        var text = "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}

private struct Parser {
    let bytes: [UInt8]
    var position = 0

    mutating func object() -> [String: FlatJSON.Value]? {
        var fields: [String: FlatJSON.Value] = [:]
        guard take("{") else { return nil }
        if take("}") { return atEnd ? fields : nil }
        repeat {
            skipSpace()
            guard let key = string(), take(":"), let value = value() else { return nil }
            fields[key] = value
        } while take(",")
        return take("}") && atEnd ? fields : nil
    }

    private mutating func value() -> FlatJSON.Value? {
        skipSpace()
        guard position < bytes.count else { return nil }
        switch bytes[position] {
        case UInt8(ascii: "\""): return string().map { .string($0) }
        case UInt8(ascii: "t"): return word("true") ? .bool(true) : nil
        case UInt8(ascii: "f"): return word("false") ? .bool(false) : nil
        case UInt8(ascii: "n"): return word("null") ? .null : nil
        default: return integer()
        }
    }

    private mutating func integer() -> FlatJSON.Value? {
        let start = position
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
            position += 1
        }
        return Int(String(decoding: bytes[start..<position], as: UTF8.self)).map { .integer($0) }
    }

    private mutating func string() -> String? {
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return nil }
        position += 1
        var text: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let scalar = escape() else { return nil }
                text += Array(String(Character(scalar)).utf8)
            default: text.append(byte)
            }
        }
        return nil
    }

    private mutating func escape() -> Unicode.Scalar? {
        guard position < bytes.count else { return nil }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "u"): return unicodeEscape()
        default: return nil
        }
    }

    /// `\uXXXX`, with surrogate pairs joined; a lone surrogate becomes U+FFFD.
    private mutating func unicodeEscape() -> Unicode.Scalar? {
        guard let first = hexUnit() else { return nil }
        if let scalar = Unicode.Scalar(first) { return scalar }
        let mark = position
        if first < 0xDC00, word("\\u"), let second = hexUnit(), (0xDC00...0xDFFF).contains(second) {
            return Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
        }
        position = mark
        return "\u{FFFD}"
    }

    private mutating func hexUnit() -> UInt32? {
        guard position + 4 <= bytes.count else { return nil }
        let digits = bytes[position..<position + 4]
        position += 4
        return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    private mutating func word(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard position + count <= bytes.count else { return false }
        for index in 0..<count where bytes[position + index] != word.utf8Start[index] { return false }
        position += count
        return true
    }

    private mutating func take(_ character: Character) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }

    private var atEnd: Bool {
        mutating get {
            skipSpace()
            return position == bytes.count
        }
    }
}
