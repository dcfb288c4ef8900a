internal import HTTP1
internal import NIOHPACK

/// A response's fields as a header block: names in lower case, nothing that is about an HTTP/1.1 connection.
enum ResponseFields {
    static func headers(
        _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer, contentLength: Int?, dropping: FieldSet,
        adding: [(name: String, value: String)]
    ) -> HPACKHeaders {
        var headers = HPACKHeaders()
        headers.reserveCapacity(head.fields.count + adding.count + 2)
        headers.add(name: ":status", value: status(head.status))
        let dropped = FieldSet.hopByHop.union(dropping)
        for field in head.fields where !dropped.contains(field.id) {
            if head.connectionNamesFields, isNamed(field, head, bytes) { continue }
            let name = field.id == .other ? lowercase(field.name.of(bytes)) : knownNames[Int(field.id.rawValue)]
            let value = String(decoding: field.value.of(bytes), as: UTF8.self)
            headers.add(name: name, value: value, indexing: indexing(field.id))
        }
        for field in adding { headers.add(name: field.name, value: field.value, indexing: .nonIndexable) }
        // RFC 9110 section 8.6: not with 1xx and 204.
        if let contentLength, head.status >= 200, head.status != 204 {
            headers.add(name: "content-length", value: String(contentLength), indexing: .nonIndexable)
        }
        return headers
    }

    /// The usual ones need no number formatted.
    private static func status(_ status: Int) -> String {
        switch status {
        case 200: "200"
        case 304: "304"
        case 404: "404"
        default: String(status)
        }
    }

    private static let knownNames = FieldName.allCases.map { $0.text.description }

    /// Only what comes again with the same value belongs in the dynamic table: all else would push that out of it. What is
    /// secret is kept out of tables altogether (RFC 7541 section 7.1.3).
    private static func indexing(_ name: FieldName) -> HPACKIndexing {
        switch name {
        case .server, .contentType, .cacheControl, .vary, .contentEncoding, .acceptRanges, .xPoweredBy, .expires,
            .pragma:
            .indexable
        case .setCookie: .neverIndexed
        default: .nonIndexable
        }
    }

    private static func lowercase(_ name: UnsafeRawBufferPointer) -> String {
        String(unsafeUninitializedCapacity: name.count) { place in
            for index in 0..<name.count { place[index] = FieldBytes.lower(name[index]) }
            return name.count
        }
    }

    /// Whether Connection lists it (RFC 9110 section 7.6.1). Rare: asked only when it lists unusual names.
    private static func isNamed(_ field: HeaderField, _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let name = field.name.of(bytes).map(FieldBytes.lower)
        for connection in head.fields where connection.id == .connection {
            for option in connection.value.of(bytes).split(separator: UInt8(ascii: ",")) {
                let option = option.drop { $0 == 32 || $0 == 9 }.prefix { $0 != 32 && $0 != 9 }
                if option.map(FieldBytes.lower) == name { return true }
            }
        }
        return false
    }
}
