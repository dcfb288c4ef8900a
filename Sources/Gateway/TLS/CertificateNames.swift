internal import NIOSSL

/// The host names that a certificate is for.
enum CertificateNames {
    /// dNSName alternatives; the common name only when there is no alternative at all (RFC 9525 section 2 forgets about it,
    /// but so old a certificate has nothing else). Addresses are left out: no client names one in its handshake.
    static func of(_ certificate: NIOSSLCertificate) -> [String] {
        var names: [String] = []
        var hasAlternatives = false
        for alternative in certificate._subjectAlternativeNames() {
            hasAlternatives = true
            guard alternative.nameType == .dnsName else { continue }
            let bytes = alternative.contents.withUnsafeBufferPointer { Array($0) }
            if let name = hostName(bytes), !names.contains(name) { names.append(name) }
        }
        if !hasAlternatives, let der = try? certificate.toDERBytes(),
            let common = DistinguishedName.commonName(ofCertificate: der), let name = hostName(common)
        {
            names.append(name)
        }
        return names
    }

    /// In lower case; nil for what cannot be one. A NUL or a space in a name has been used to deceive.
    private static func hostName(_ bytes: [UInt8]) -> String? {
        guard !bytes.isEmpty, bytes.count <= 253, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
        return String(decoding: bytes, as: UTF8.self).lowercased()
    }
}

/// Just enough DER to find the subject's common name, which swift-nio-ssl keeps to itself.
enum DistinguishedName {
    private static let sequence: UInt8 = 0x30
    private static let set: UInt8 = 0x31
    private static let version: UInt8 = 0xa0
    private static let commonNameIdentifier: [UInt8] = [0x06, 0x03, 0x55, 0x04, 0x03]

    /// RFC 5280 section 4.1: Certificate { TBSCertificate { version?, serial, algorithm, issuer, validity, subject, … } }.
    static func commonName(ofCertificate der: [UInt8]) -> [UInt8]? {
        var certificate = DERReader(der[...])
        guard var body = certificate.next(sequence), var fields = body.next(sequence) else { return nil }
        if fields.peek == version { fields.skip() }
        for _ in 0..<4 { fields.skip() }
        guard var subject = fields.next(sequence) else { return nil }
        var found: [UInt8]?
        while var attributes = subject.next(set) {
            while let attribute = attributes.next(sequence) {
                let bytes = attribute.bytes
                guard bytes.starts(with: commonNameIdentifier) else { continue }
                var value = DERReader(bytes.dropFirst(commonNameIdentifier.count))
                // The last one is the most specific.
                found = value.nextValue().map(Array.init) ?? found
            }
        }
        return found
    }
}

private struct DERReader {
    private(set) var bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    var peek: UInt8? { bytes.first }

    mutating func next(_ tag: UInt8) -> DERReader? {
        guard peek == tag else { return nil }
        return nextValue().map(DERReader.init)
    }

    mutating func skip() { _ = nextValue() }

    /// The contents of the next value, whatever its type. After a malformed one nothing follows.
    mutating func nextValue() -> ArraySlice<UInt8>? {
        let all = bytes
        bytes = []
        guard all.count >= 2 else { return nil }
        var at = all.startIndex + 2
        var length = Int(all[all.startIndex + 1])
        if length >= 0x80 {
            let digits = length - 0x80
            guard (1...4).contains(digits), all.endIndex - at >= digits else { return nil }
            length = all[at..<(at + digits)].reduce(0) { $0 << 8 | Int($1) }
            at += digits
        }
        guard all.endIndex - at >= length else { return nil }
        bytes = all[(at + length)...]
        return all[at..<(at + length)]
    }
}
