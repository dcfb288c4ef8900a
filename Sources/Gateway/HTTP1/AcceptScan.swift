/// Which of two media types a client would rather have (RFC 9110 section 12.5.1).
package enum AcceptScan {
    /// The client prefers JSON to HTML. Asked for by name (`application/json`, or anything with `+json`) it wins over HTML
    /// that only a wildcard stands for; browsers name HTML, and who names nothing (`*/*`, no Accept) gets HTML.
    package static func prefersJSON(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard head.known.contains(.accept) else { return false }
        var wishes = Wishes()
        for field in head.fields where field.id == .accept { wishes.read(field.value.of(bytes)) }
        return wishes.prefersJSON
    }

    /// Weights in thousandths; nil where the client said nothing.
    private struct Wishes {
        private var json: Int?
        private var html: Int?
        private var anyApplication: Int?
        private var anyText: Int?
        private var any: Int?

        var prefersJSON: Bool {
            let jsonWeight = json ?? anyApplication ?? any ?? 0
            let htmlWeight = html ?? anyText ?? any ?? 0
            if jsonWeight != htmlWeight { return jsonWeight > htmlWeight }
            return jsonWeight > 0 && json != nil && html == nil
        }

        mutating func read(_ text: UnsafeRawBufferPointer) {
            var start = 0
            var isQuoted = false
            for at in 0...text.count {
                if at < text.count, text[at] == UInt8(ascii: "\"") { isQuoted.toggle() }
                guard at == text.count || (text[at] == UInt8(ascii: ",") && !isQuoted) else { continue }
                readRange(UnsafeRawBufferPointer(rebasing: text[start..<at]))
                start = at + 1
            }
        }

        /// One media range with its parameters.
        private mutating func readRange(_ text: UnsafeRawBufferPointer) {
            var end = 0
            while end < text.count, text[end] != UInt8(ascii: ";") { end += 1 }
            let type = AcceptScan.trim(text, 0, end)
            let weight = AcceptScan.weight(text, from: end)
            if AcceptScan.equal(type, "text/html") || AcceptScan.equal(type, "application/xhtml+xml") {
                html = max(html ?? 0, weight)
            } else if AcceptScan.equal(type, "application/json") || AcceptScan.ends(type, "+json") {
                json = max(json ?? 0, weight)
            } else if AcceptScan.equal(type, "application/*") {
                anyApplication = weight
            } else if AcceptScan.equal(type, "text/*") {
                anyText = weight
            } else if AcceptScan.equal(type, "*/*") {
                any = weight
            }
        }
    }

    /// The parameter `q`, 1000 without one; what is not a weight (section 12.4.2) counts as none at all.
    private static func weight(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var at = start
        while at < text.count {
            var end = at + 1
            while end < text.count, text[end] != UInt8(ascii: ";") { end += 1 }
            let parameter = trim(text, at + 1, end)
            if parameter.count >= 2, parameter[0] | 0x20 == UInt8(ascii: "q"), parameter[1] == UInt8(ascii: "=") {
                return thousandths(UnsafeRawBufferPointer(rebasing: parameter[2...])) ?? 0
            }
            at = end
        }
        return 1000
    }

    private static func thousandths(_ text: UnsafeRawBufferPointer) -> Int? {
        guard let first = text.first, first == UInt8(ascii: "0") || first == UInt8(ascii: "1"), text.count <= 5 else {
            return nil
        }
        var value = Int(first - UInt8(ascii: "0")) * 1000
        guard text.count == 1 || text[1] == UInt8(ascii: ".") else { return nil }
        var place = 100
        for byte in text.dropFirst(2) {
            guard Bytes.isDigit(byte) else { return nil }
            value += Int(byte - UInt8(ascii: "0")) * place
            place /= 10
        }
        return value <= 1000 ? value : nil
    }

    private static func trim(_ text: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> UnsafeRawBufferPointer {
        var (start, end) = (min(start, end), end)
        while start < end, Bytes.isBlank(text[start]) { start += 1 }
        while end > start, Bytes.isBlank(text[end - 1]) { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: text[start..<end])
    }

    /// Without regard to ASCII case; `text` is in lower case.
    private static func equal(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        bytes.count == text.utf8CodeUnitCount && ends(bytes, text)
    }

    private static func ends(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard bytes.count >= count else { return false }
        for at in 0..<count {
            let byte = bytes[bytes.count - count + at]
            let lower = byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
            if lower != text.utf8Start[at] { return false }
        }
        return true
    }
}
