/// Version 1: `PROXY TCP4 192.0.2.7 192.0.2.1 56324 443` and CRLF.
enum ProxyLine {
    private static let prefix: StaticString = "PROXY "
    /// With CRLF.
    private static let limit = 107

    static func parse(_ bytes: UnsafeRawBufferPointer) -> ProxyResult {
        guard ProxyProtocol.agrees(bytes, with: prefix) else { return .rejected(.missing) }
        var end = 0
        while end < min(bytes.count, limit - 1), bytes[end] != Bytes.carriageReturn, bytes[end] != Bytes.lineFeed {
            end += 1
        }
        if end == limit - 1 { return .rejected(.tooLong) }
        guard end < bytes.count else { return .needMore }
        guard bytes[end] == Bytes.carriageReturn else { return .rejected(.badLine) }
        guard end + 1 < bytes.count else { return .needMore }
        guard bytes[end + 1] == Bytes.lineFeed else { return .rejected(.badLine) }
        guard end >= prefix.utf8CodeUnitCount else { return .rejected(.badLine) }
        do throws(ProxyRejection) {
            let text = UnsafeRawBufferPointer(rebasing: bytes[prefix.utf8CodeUnitCount..<end])
            return .header(ProxyHeader(length: end + 2, origin: try origin(text)))
        } catch {
            return .rejected(error)
        }
    }

    private static func origin(_ text: UnsafeRawBufferPointer) throws(ProxyRejection) -> ProxyOrigin {
        var words = Words(text: text)
        let kind = words.next()
        if equal(kind, "UNKNOWN") { return .unknown }
        let isV4 = equal(kind, "TCP4")
        guard isV4 || equal(kind, "TCP6") else { throw .badLine }
        let source = try address(words.next(), isV4)
        let destination = try address(words.next(), isV4)
        let sourcePort = try port(words.next())
        let destinationPort = try port(words.next())
        guard words.isAtEnd else { throw .badLine }
        return .client(source, port: sourcePort, destination: destination, destinationPort: destinationPort)
    }

    private static func address(_ word: UnsafeRawBufferPointer?, _ isV4: Bool) throws(ProxyRejection) -> IPAddress {
        guard let word else { throw .badLine }
        if isV4 {
            guard let v4 = IPAddress.parseV4(word) else { throw .badAddress }
            return IPAddress(v4: v4)
        }
        guard let v6 = IPAddress.parseV6(word) else { throw .badAddress }
        return IPAddress(high: v6.0, low: v6.1)
    }

    /// No leading zeroes: some programs would read them as octal.
    private static func port(_ word: UnsafeRawBufferPointer?) throws(ProxyRejection) -> UInt16 {
        guard let word else { throw .badLine }
        guard (1...5).contains(word.count), word.count == 1 || word[0] != UInt8(ascii: "0") else { throw .badPort }
        var value = 0
        for byte in word {
            guard Bytes.isDigit(byte) else { throw .badPort }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        guard let port = UInt16(exactly: value) else { throw .badPort }
        return port
    }

    private static func equal(_ word: UnsafeRawBufferPointer?, _ text: StaticString) -> Bool {
        guard let word, word.count == text.utf8CodeUnitCount else { return false }
        return ProxyProtocol.agrees(word, with: text)
    }

    /// What exactly one space separates.
    private struct Words {
        let text: UnsafeRawBufferPointer
        /// Past the end once the last word was given.
        var at = 0

        var isAtEnd: Bool { at > text.count }

        mutating func next() -> UnsafeRawBufferPointer? {
            guard at <= text.count else { return nil }
            let start = at
            while at < text.count, text[at] != 32 { at += 1 }
            defer { at += 1 }
            return UnsafeRawBufferPointer(rebasing: text[start..<at])
        }
    }
}
