import HTTP1

/// Content types that gzip makes smaller. Pictures, films, fonts and archives are compressed already.
enum CompressibleType {
    /// `value` of Content-Type, with its parameters.
    static func contains(_ value: UnsafeRawBufferPointer) -> Bool {
        let (type, _) = FieldText.split(value, at: UInt8(ascii: ";"))
        let (kind, subtype) = FieldText.split(type, at: UInt8(ascii: "/"))
        guard let subtype, !subtype.isEmpty else { return false }
        func isSubtype(_ text: StaticString) -> Bool { FieldText.equal(subtype, text) }
        // Events are small, each is flushed, and some clients of them do not decode.
        if FieldText.equal(kind, "text") { return !isSubtype("event-stream") }
        if ends(subtype, "+json") || ends(subtype, "+xml") { return true }
        if FieldText.equal(kind, "application") {
            return isSubtype("json") || isSubtype("javascript") || isSubtype("x-javascript") || isSubtype("xml")
                || isSubtype("wasm") || isSubtype("x-ndjson") || isSubtype("ecmascript")
                || isSubtype("vnd.ms-fontobject")
        }
        if FieldText.equal(kind, "font") { return isSubtype("ttf") || isSubtype("otf") }
        return FieldText.equal(kind, "image")
            && (isSubtype("bmp") || isSubtype("x-icon") || isSubtype("vnd.microsoft.icon"))
    }

    private static func ends(_ subtype: UnsafeRawBufferPointer, _ suffix: StaticString) -> Bool {
        let start = subtype.count - suffix.utf8CodeUnitCount
        return start > 0 && FieldText.equal(UnsafeRawBufferPointer(rebasing: subtype[start...]), suffix)
    }
}
