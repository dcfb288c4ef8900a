import HTTP1

/// What Accept-Encoding says about gzip (RFC 9110 section 12.5.3).
enum AcceptedCodings {
    /// Whether gzip is wanted, and not less than no coding at all. Without the field, or with an empty one, it is not: the
    /// client may not know gzip.
    static func wantGzip(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard head.known.contains(.acceptEncoding) else { return false }
        var gzip: Int?
        var any: Int?
        var identity = 0
        for field in head.fields where field.id == .acceptEncoding {
            FieldText.forEachElement(field.value.of(bytes)) { element in
                let (name, parameters) = FieldText.split(element, at: UInt8(ascii: ";"))
                let weight = weight(parameters)
                if FieldText.equal(name, "gzip") || FieldText.equal(name, "x-gzip") {
                    gzip = max(gzip ?? 0, weight)
                } else if FieldText.equal(name, "identity") {
                    identity = weight
                } else if FieldText.equal(name, "*") {
                    any = weight
                }
            }
        }
        let wanted = gzip ?? any ?? 0
        return wanted > 0 && wanted >= identity
    }

    /// In thousandths: `q=` and up to three digits after the point (RFC 9110 section 12.4.2). What is malformed counts as 0:
    /// a client that gets an answer without coding can always read it.
    private static func weight(_ parameters: UnsafeRawBufferPointer?) -> Int {
        guard let parameters else { return 1000 }
        let (name, value) = FieldText.split(parameters, at: UInt8(ascii: "="))
        guard FieldText.equal(name, "q"), let value, let first = value.first else { return 0 }
        let (whole, fraction) = FieldText.split(value, at: UInt8(ascii: "."))
        guard whole.count == 1, first == UInt8(ascii: "0") || first == UInt8(ascii: "1") else { return 0 }
        var weight = first == UInt8(ascii: "1") ? 1000 : 0
        guard let fraction, !fraction.isEmpty else { return weight }
        guard fraction.count <= 3, var digits = FieldText.number(fraction) else { return 0 }
        for _ in fraction.count..<3 { digits *= 10 }
        weight += digits
        return weight > 1000 ? 0 : weight
    }
}
