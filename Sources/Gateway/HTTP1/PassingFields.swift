internal import Glibc

/// Which fields of a head pass through a gateway, and how repeated ones are found again.
struct PassingFields {
    let fields: ContiguousArray<HeaderField>
    let bytes: UnsafeRawBufferPointer
    let dropped: FieldSet
    let dropsUnderscores: Bool
    /// Compare every name with what Connection lists.
    let connectionNamesFields: Bool
    /// Fields that the gateway sets instead (`set_headers`).
    var replaced: ReplacedFields?

    @inline(__always)
    func passes(_ field: HeaderField) -> Bool {
        if dropped.contains(field.id) { return false }
        if field.id == .other, dropsUnderscores, hasUnderscore(field.name.of(bytes)) { return false }
        if let replaced, replaced.contains(field.name.of(bytes)) { return false }
        return !connectionNamesFields || !isNamedByConnection(field)
    }

    /// `X_Forwarded_For` would become the same CGI-style name as `X-Forwarded-For`, past everything that guards the latter.
    @inline(__always)
    private func hasUnderscore(_ name: UnsafeRawBufferPointer) -> Bool {
        guard let start = name.baseAddress else { return false }
        return memchr(start, Int32(UInt8(ascii: "_")), name.count) != nil
    }

    /// RFC 9110 section 7.6.1. Host is never dropped this way: nobody may take the routing from a request. `close` is an
    /// option and names no field.
    private func isNamedByConnection(_ field: HeaderField) -> Bool {
        guard field.id != .host, let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return false }
        var named = false
        for other in fields where other.id == .connection && Int(other.value.end) <= bytes.count {
            ConnectionOptions.forEachElement(base, other.value) { start, count in
                let isOption = Bytes.equalToken(base + start, count, "close")
                named = named || (!isOption && sameName(field.name, ByteRange(start, start + count)))
            }
        }
        return named
    }

    /// Without regard to ASCII case.
    func sameName(_ a: ByteRange, _ b: ByteRange) -> Bool {
        let a = a.of(bytes)
        let b = b.of(bytes)
        guard a.count == b.count else { return false }
        for at in 0..<a.count where a[at] != b[at] {
            let letter = a[at] | 0x20
            guard letter == b[at] | 0x20, letter >= UInt8(ascii: "a"), letter <= UInt8(ascii: "z") else { return false }
        }
        return true
    }

    /// An earlier field has the same name, so this one's value is already joined to it.
    func isRepetition(at index: Int) -> Bool {
        for earlier in fields[..<index] where isSameField(earlier, fields[index]) { return true }
        return false
    }

    @inline(__always)
    func isSameField(_ a: HeaderField, _ b: HeaderField) -> Bool {
        a.id == b.id && (a.id != .other || sameName(a.name, b.name))
    }
}

/// Names of fields that are taken from what passes, because the gateway writes its own.
package final class ReplacedFields: Sendable {
    private let names: [[UInt8]]

    /// Names in any case; nil for none.
    package init?(_ names: some Collection<String>) {
        guard !names.isEmpty else { return nil }
        self.names = names.map { Array($0.lowercased().utf8) }
    }

    package func contains(_ name: UnsafeRawBufferPointer) -> Bool {
        names.contains { known in
            guard known.count == name.count else { return false }
            for at in 0..<known.count {
                let byte = name[at]
                let lower = byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
                if lower != known[at] { return false }
            }
            return true
        }
    }
}
