internal import HTTP1

/// The rules of passing fields on, written down a second time, slowly and plainly.
enum PlainReading {
    typealias Text = [UInt8]

    struct Field: Equatable {
        var name: Text
        var value: Text
    }

    static let hopByHop: Set<String> = [
        "connection", "content-length", "transfer-encoding", "expect", "upgrade", "te", "trailer", "keep-alive",
        "proxy-connection", "proxy-authenticate", "proxy-authorization", "proxy-authentication-info", "proxy",
        "http2-settings",
    ]
    static let forwarding: Set<String> = [
        "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port",
        "x-forwarded-server", "x-forwarded-ssl", "x-forwarded-prefix", "x-forwarded-scheme", "x-real-ip",
    ]

    static func text(_ range: ByteRange, _ bytes: UnsafeRawBufferPointer) -> Text { Text(range.of(bytes)) }

    static func fields(_ fields: ContiguousArray<HeaderField>, _ bytes: UnsafeRawBufferPointer) -> [Field] {
        fields.map { Field(name: text($0.name, bytes), value: text($0.value, bytes)) }
    }

    static func lower(_ text: Text) -> String {
        String(decoding: text.map { (65...90).contains($0) ? $0 + 32 : $0 }, as: UTF8.self)
    }

    /// The fields that pass a gateway, in order. Connection cannot take Host away, and its option `close` names no field.
    static func passing(_ fields: [Field], dropping: Set<String>, underscores: Bool) -> [Field] {
        var named: Set<String> = []
        for field in fields where lower(field.name) == "connection" {
            for token in field.value.split(whereSeparator: { !isToken($0) }) { named.insert(lower(Text(token))) }
        }
        named.subtract(["host", "close"])
        return fields.filter { field in
            let name = lower(field.name)
            if dropping.contains(name) { return false }
            if !underscores, field.name.contains(UInt8(ascii: "_")) { return false }
            return !named.contains(name)
        }
    }

    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122: true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    /// RFC 9110 section 5.5, for what passes on: nothing that could end a line, a pair or a terminal's good humour.
    static func isClean(_ text: Text) -> Bool { text.allSatisfy { ($0 >= 32 && $0 != 127) || $0 == 9 } }

    static func check(_ field: Field) throws(Finding) {
        try require(!field.name.isEmpty && field.name.allSatisfy(isToken), "a field name is no token")
        try require(isClean(field.value), "a field value has a control character")
        let edges = [field.value.first, field.value.last]
        try require(!edges.contains(32) && !edges.contains(9), "white space around a field value")
    }
}
