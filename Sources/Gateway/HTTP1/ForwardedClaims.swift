/// What a trusted proxy says about where a request came from.
///
/// X-Forwarded-* come before Forwarded (RFC 7239): a proxy that sets only the former passes a client's forged Forwarded
/// on.
package struct ForwardedClaims: Equatable, Sendable {
    /// The client: the rightmost address that is not trusted, else the leftmost; nil when nothing usable was said.
    package var client: IPAddress?
    /// The client spoke https to the outermost proxy that says anything about it; nil when none does.
    package var isSecure: Bool?

    package init(client: IPAddress? = nil, isSecure: Bool? = nil) {
        self.client = client
        self.isSecure = isSecure
    }

    package init(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer, trusted: AddressRanges) {
        let reader = ForwardedReader(head: head, bytes: bytes)
        var chain = Chain(trusted: trusted)
        var scheme: Bool?
        if head.known.contains(.xForwardedFor) {
            reader.forEachElement(of: .xForwardedFor) { chain.append(ForwardedReader.address($0)) }
        }
        for name in [FieldName.xForwardedProto, .xForwardedScheme, .xForwardedSSL] where scheme == nil {
            guard head.known.contains(name) else { continue }
            reader.forEachElement(of: name) { scheme = ForwardedReader.scheme($0) ?? scheme }
        }
        if head.known.contains(.forwarded), chain.isEmpty || scheme == nil {
            var other = Chain(trusted: trusted)
            var otherScheme: Bool?
            reader.forEachForwarded { node, said in
                if let node { other.append(ForwardedReader.address(node)) }
                if let said { otherScheme = ForwardedReader.scheme(said) ?? otherScheme }
            }
            if chain.isEmpty { chain = other }
            scheme = scheme ?? otherScheme
        }
        client = chain.client
        isSecure = scheme
    }

    /// Read from left to right, it gives what a walk from right to left would stop at.
    private struct Chain {
        let trusted: AddressRanges
        private var firstTrusted: IPAddress?
        private var lastOther: IPAddress?
        private(set) var isEmpty = true

        init(trusted: AddressRanges) { self.trusted = trusted }

        var client: IPAddress? { lastOther ?? firstTrusted }

        /// Nil for an entry that is no address: nothing to the left of it can be believed.
        mutating func append(_ address: IPAddress?) {
            isEmpty = false
            guard let address else {
                (firstTrusted, lastOther) = (nil, nil)
                return
            }
            if trusted.contains(address) {
                firstTrusted = firstTrusted ?? address
            } else {
                lastOther = address
            }
        }
    }
}

/// Takes the lists in forwarding fields apart, without making strings.
struct ForwardedReader {
    let head: RequestHead
    let bytes: UnsafeRawBufferPointer

    /// The elements of all fields of that name, in order, without white space around them. Empty ones are left out.
    func forEachElement(of name: FieldName, _ body: (UnsafeRawBufferPointer) -> Void) {
        for field in head.fields where field.id == name {
            ForwardedReader.split(field.value.of(bytes), at: UInt8(ascii: ","), body)
        }
    }

    /// The `for` and `proto` of each element of Forwarded, without quotes.
    func forEachForwarded(_ body: (UnsafeRawBufferPointer?, UnsafeRawBufferPointer?) -> Void) {
        forEachElement(of: .forwarded) { element in
            var node: UnsafeRawBufferPointer?
            var scheme: UnsafeRawBufferPointer?
            ForwardedReader.split(element, at: UInt8(ascii: ";")) { pair in
                if let value = ForwardedReader.value(of: "for", pair) { node = value }
                if let value = ForwardedReader.value(of: "proto", pair) { scheme = value }
            }
            body(node, scheme)
        }
    }

    /// Separators in quotes do not count.
    private static func split(
        _ text: UnsafeRawBufferPointer, at separator: UInt8, _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        var start = 0
        var isQuoted = false
        for at in 0...text.count {
            if at < text.count, text[at] == UInt8(ascii: "\"") { isQuoted.toggle() }
            guard at == text.count || (text[at] == separator && !isQuoted) else { continue }
            let part = trim(UnsafeRawBufferPointer(rebasing: text[start..<at]))
            if !part.isEmpty { body(part) }
            start = at + 1
        }
    }

    private static func trim(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var (start, end) = (0, text.count)
        while start < end, Bytes.isBlank(text[start]) { start += 1 }
        while end > start, Bytes.isBlank(text[end - 1]) { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: text[start..<end])
    }

    private static func value(of name: StaticString, _ pair: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let count = name.utf8CodeUnitCount
        guard pair.count > count, pair[count] == UInt8(ascii: "=") else { return nil }
        for at in 0..<count where pair[at] | 0x20 != name.utf8Start[at] { return nil }
        let value = UnsafeRawBufferPointer(rebasing: pair[(count + 1)...])
        guard value.count >= 2, value[0] == UInt8(ascii: "\""), value[value.count - 1] == UInt8(ascii: "\"") else {
            return value
        }
        return UnsafeRawBufferPointer(rebasing: value[1..<(value.count - 1)])
    }

    /// An address, maybe with a port; an IPv6 address with a port is in brackets.
    static func address(_ text: UnsafeRawBufferPointer) -> IPAddress? {
        if text.first == UInt8(ascii: "[") {
            guard let close = text.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            guard close + 1 == text.count || text[close + 1] == UInt8(ascii: ":") else { return nil }
            return IPAddress(text: UnsafeRawBufferPointer(rebasing: text[1..<close]))
        }
        if let address = IPAddress(text: text) { return address }
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        return IPAddress.parseV4(UnsafeRawBufferPointer(rebasing: text[..<colon])).map { IPAddress(v4: $0) }
    }

    /// Whether it is a secure one; `on` and `off` are what X-Forwarded-SSL says. Nil for anything else.
    static func scheme(_ text: UnsafeRawBufferPointer) -> Bool? {
        func isWord(_ word: StaticString) -> Bool {
            guard text.count == word.utf8CodeUnitCount else { return false }
            for at in 0..<text.count where text[at] | 0x20 != word.utf8Start[at] { return false }
            return true
        }
        if isWord("https") || isWord("wss") || isWord("on") { return true }
        return isWord("http") || isWord("ws") || isWord("off") ? false : nil
    }
}
