internal import HTTP1

/// Which codings the client takes, by Accept-Encoding (RFC 9110 section 12.5.3).
struct AcceptedCodings {
    /// In thousandths; nil when not named.
    private var brotli: Int?
    private var gzip: Int?
    private var others: Int?

    init(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) {
        guard head.known.contains(.acceptEncoding) else { return }
        for field in head.fields where field.id == .acceptEncoding {
            field.value.of(bytes).forEachElement { element in
                note(element)
                return true
            }
        }
    }

    /// The best of what there is. The plain file is taken before an unnamed or refused coding, and after any other: it is
    /// the largest.
    func choose(from file: StaticFile) -> OpenFile {
        let brotliWeight = file.brotli == nil ? 0 : brotli ?? others ?? 0
        let gzipWeight = file.gzip == nil ? 0 : gzip ?? others ?? 0
        if brotliWeight > 0, brotliWeight >= gzipWeight, let brotli = file.brotli { return brotli }
        if gzipWeight > 0, let gzip = file.gzip { return gzip }
        return file.plain
    }

    private mutating func note(_ element: UnsafeRawBufferPointer) {
        var end = 0
        while end < element.count, element[end] != UInt8(ascii: ";") { end += 1 }
        let name = element.upTo(end).trimmed
        let weight = end == element.count ? 1000 : AcceptedCodings.weight(element.from(end + 1).trimmed)
        if name.equalsIgnoringCase("br") {
            brotli = weight
        } else if name.equalsIgnoringCase("gzip") || name.equalsIgnoringCase("x-gzip") {
            gzip = weight
        } else if name.equals("*") {
            others = weight
        }
    }

    /// `q=0.5` in thousandths (section 12.4.2); 0 when malformed: what is not understood is not used.
    private static func weight(_ text: UnsafeRawBufferPointer) -> Int {
        guard text.count >= 3, text.count <= 7, text.upTo(2).equalsIgnoringCase("q="), text[2].isDigit else { return 0 }
        guard text[2] == UInt8(ascii: "0") else { return text[2] == UInt8(ascii: "1") ? 1000 : 0 }
        guard text.count > 4, text[3] == UInt8(ascii: ".") else { return 0 }
        var weight = 0
        for at in 4..<7 {
            guard at < text.count else {
                weight *= 10
                continue
            }
            guard text[at].isDigit else { return 0 }
            weight = weight * 10 + Int(text[at] - UInt8(ascii: "0"))
        }
        return weight
    }
}
