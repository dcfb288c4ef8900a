import HTTP1

/// A field name of Vary, in lower case.
struct VaryName: Hashable, Comparable, Sendable {
    let bytes: [UInt8]

    init(_ name: UnsafeRawBufferPointer) { bytes = name.map(FieldText.lowercased) }

    static func < (a: VaryName, b: VaryName) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }

    func isName(_ text: StaticString) -> Bool { bytes.withUnsafeBytes { FieldText.equal($0, text) } }

    func names(_ field: HeaderField, _ raw: UnsafeRawBufferPointer) -> Bool {
        bytes.withUnsafeBytes { FieldText.equal(field.name.of(raw), $0) }
    }

    /// In the key already, for every request.
    var isInKey: Bool {
        isName("host") || isName("x-forwarded-host") || isName("x-forwarded-proto") || isName("x-forwarded-port")
    }

    /// The app sees other values of these than the client sent: what it decided by cannot be compared.
    var isRewritten: Bool {
        isName("x-forwarded-for") || isName("x-real-ip") || isName("forwarded") || isName("via")
            || isName("x-request-id") || isName("x-request-start")
    }
}
