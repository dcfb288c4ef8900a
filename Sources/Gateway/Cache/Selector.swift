import HTTP1

/// What tells requests for one URI apart beside the fields of Vary. Values are written with their lengths, so that no two
/// selections are the same bytes.
struct Selector {
    private(set) var bytes: [UInt8]

    init(isSecure: Bool) { bytes = isSecure ? [1] : [] }

    /// An absent cookie is not an empty one.
    mutating func add(
        cookie name: String, _ head: RequestHead, _ raw: UnsafeRawBufferPointer
    ) throws(CacheBypass) {
        var name = name
        var count = 0
        name.withUTF8 { name in
            for field in head.fields where field.id == .cookie {
                // A semicolon ends a pair even between quotes (RFC 6265 section 4.2.1).
                for pair in field.value.of(raw).split(separator: UInt8(ascii: ";")) {
                    let pair = UnsafeRawBufferPointer(rebasing: pair)
                    let (key, value) = FieldText.split(pair, at: UInt8(ascii: "="))
                    guard let value, key.elementsEqual(name) else { continue }
                    count += 1
                    add(2, value)
                }
            }
        }
        guard count <= 1 else { throw .repeatedCookie }
    }

    private static let forwarding: [FieldName] = [
        .xForwardedProto, .xForwardedHost, .xForwardedPort, .xForwardedServer, .xForwardedSSL, .xForwardedPrefix,
        .xForwardedScheme,
    ]

    /// Apps build links and redirects of these.
    mutating func addForwarding(_ head: RequestHead, _ raw: UnsafeRawBufferPointer) throws(CacheBypass) {
        if head.known.contains(.forwarded) { throw .forwarded }
        for name in Self.forwarding where head.known.contains(name) {
            for field in head.fields where field.id == name { add(16 + name.rawValue, field.value.of(raw)) }
        }
    }

    private mutating func add(_ kind: UInt8, _ value: UnsafeRawBufferPointer) {
        bytes.append(kind)
        withUnsafeBytes(of: UInt32(value.count)) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: value)
    }
}
