/// Writes JSON as `WireJSON.encode(_:pretty: true)` does, for the one answer that gets large: a server of 200 apps and 2,000 workers.
/// A general encoder keeps every member as an object of its own until it may sort them, which takes several times as long as to
/// write them down. Members are given in the order of their names.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    private var depth = 0
    /// Nothing stands yet in the object or the list that is open.
    private var isFirst = true

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    mutating func list<Element: JSONWritten>(_ elements: [Element]) {
        open(UInt8(ascii: "["))
        for element in elements {
            separate()
            element.write(to: &self)
        }
        close(UInt8(ascii: "]"))
    }

    /// A member that there is not is left out.
    mutating func member(_ name: StaticString, _ value: (some JSONWritten)?) {
        guard let value else { return }
        begin(name)
        value.write(to: &self)
    }

    mutating func member(_ name: StaticString, _ values: [some JSONWritten]?) {
        guard let values else { return }
        begin(name)
        list(values)
    }

    /// Choices are written by their names.
    mutating func member<Choice: RawRepresentable<String>>(_ name: StaticString, _ value: Choice?) {
        guard let value else { return }
        begin(name)
        string(value.rawValue)
    }

    // MARK: Values

    mutating func integer(_ value: some FixedWidthInteger) {
        guard value != 0 else { return bytes.append(UInt8(ascii: "0")) }
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        let start = bytes.count
        var left = UInt64(value.magnitude)
        while left > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(left % 10))
            left /= 10
        }
        bytes[start...].reverse()
    }

    /// JSON has no infinity: what is not a number is left to be null.
    mutating func number(_ value: Double) {
        guard value.isFinite else { return literal("null") }
        if let whole = Int(exactly: value), whole.magnitude < 1 << 53 { return integer(whole) }
        bytes += value.description.utf8
    }

    mutating func literal(_ text: StaticString) {
        text.withUTF8Buffer { bytes += $0 }
    }

    /// RFC 8259 section 7.
    mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { characters in
            guard characters.contains(where: JSONWriter.isEscaped) else { return bytes += characters }
            for byte in characters { escape(byte) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): literal(#"\""#)
        case UInt8(ascii: "\\"): literal(#"\\"#)
        case 0x08: literal(#"\b"#)
        case 0x09: literal(#"\t"#)
        case 0x0A: literal(#"\n"#)
        case 0x0C: literal(#"\f"#)
        case 0x0D: literal(#"\r"#)
        case ..<0x20:
            literal(byte < 0x10 ? #"\u000"# : #"\u001"#)
            bytes.append(contentsOf: String(byte & 0x0F, radix: 16).utf8)
        default: bytes.append(byte)
        }
    }

    // MARK: Layout

    fileprivate mutating func open(_ bracket: UInt8) {
        bytes.append(bracket)
        depth += 1
        isFirst = true
    }

    fileprivate mutating func close(_ bracket: UInt8) {
        depth -= 1
        // An empty line between the brackets of what is empty, as the general encoder has it.
        if isFirst { bytes.append(UInt8(ascii: "\n")) }
        newLine()
        bytes.append(bracket)
        isFirst = false
    }

    private mutating func begin(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        literal(name)
        literal(#"" : "#)
    }

    private mutating func separate() {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        newLine()
        isFirst = false
    }

    private mutating func newLine() {
        bytes.append(UInt8(ascii: "\n"))
        for _ in 0..<2 * depth { bytes.append(UInt8(ascii: " ")) }
    }
}

/// What a `JSONWriter` can write.
protocol JSONWritten {
    func write(to json: inout JSONWriter)
}

/// What has members of its own.
protocol JSONObject: JSONWritten {
    func writeMembers(to json: inout JSONWriter)
}

extension JSONObject {
    func write(to json: inout JSONWriter) {
        json.open(UInt8(ascii: "{"))
        writeMembers(to: &json)
        json.close(UInt8(ascii: "}"))
    }
}

extension Bool: JSONWritten {
    func write(to json: inout JSONWriter) { json.literal(self ? "true" : "false") }
}

extension Int: JSONWritten {
    func write(to json: inout JSONWriter) { json.integer(self) }
}

extension Int32: JSONWritten {
    func write(to json: inout JSONWriter) { json.integer(self) }
}

extension UInt32: JSONWritten {
    func write(to json: inout JSONWriter) { json.integer(self) }
}

extension Double: JSONWritten {
    func write(to json: inout JSONWriter) { json.number(self) }
}

extension String: JSONWritten {
    func write(to json: inout JSONWriter) { json.string(self) }
}

extension WallTime: JSONWritten {
    func write(to json: inout JSONWriter) { json.string(description) }
}
