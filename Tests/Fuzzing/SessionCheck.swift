internal import HTTP1

/// What a session worker gets for an accepted request: pairs as the protocol's text describes them, each key once, none
/// that a client must not set.
struct SessionCheck {
    private let memory = GuardedMemory()
    private let output = GuardedMemory()
    private var head = RequestHead()
    private typealias Text = PlainReading.Text
    private typealias Pair = PlainReading.Field

    mutating func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        var random = SeededGenerator(of: input)
        var parser = RequestHeadParser()
        guard case .complete(let length) = parser.parse(input, into: &head) else { return }
        let bytes = memory.place(UnsafeRawBufferPointer(rebasing: input[..<length]))
        // Names of servers come from settings; a NUL in them must not end a pair.
        let facts = ConnectionFacts(
            remoteAddress: "192.0.2.7", remotePort: 4711, serverName: "fall\0back", serverPort: 8080,
            isSecure: random.below(2) == 0)
        let forwarding = Forwarding(
            body: [head.body, .length(random.below(1 << 40)), .chunked, .none][random.below(4)],
            upgrade: head.upgrade && random.below(2) == 0, basePathLength: random.below(2) * random.below(12),
            dropping: .forwarding)
        let pairs = try decode(try write(bytes, facts, forwarding))
        let expected = expectedPairs(bytes, facts, forwarding)
        try require(pairs == expected, "pairs \(text(pairs)) instead of \(text(expected))")
        try require(Set(pairs.map(\.name)).count == pairs.count, "a key is there twice: \(text(pairs))")
    }

    private func write(
        _ bytes: UnsafeRawBufferPointer, _ facts: ConnectionFacts, _ forwarding: Forwarding
    ) throws(Finding) -> UnsafeRawBufferPointer {
        let client: StaticString = "192.0.2.1"
        let value = UnsafeRawBufferPointer(start: client.utf8Start, count: client.utf8CodeUnitCount)
        let extra = 15 + 16 + value.count
        let room = output.room(SessionHead.encodedSize(head, headLength: bytes.count, facts, extra: extra))
        var writer = ByteWriter(room)
        SessionHead.begin(head, bytes, facts, forwarding, to: &writer)
        SessionHead.field(.xForwardedFor, appending: value, head, bytes, to: &writer)
        guard let count = SessionHead.end(&writer) else { throw Finding("the promised size does not suffice") }
        return UnsafeRawBufferPointer(rebasing: room[..<count])
    }

    /// Length word, then keys and values, each ended by NUL.
    private func decode(_ bytes: UnsafeRawBufferPointer) throws(Finding) -> [Pair] {
        try require(bytes.count > 4, "no length word")
        let length = bytes[..<4].reduce(0) { $0 << 8 | Int($1) }
        try require(length == bytes.count - 4, "the length word is wrong")
        try require(bytes.last == 0, "the last pair does not end")
        let parts = bytes[4...].dropLast().split(separator: 0, omittingEmptySubsequences: false)
        try require(parts.count % 2 == 0, "a key without a value")
        return stride(from: 0, to: parts.count, by: 2).map { Pair(name: Text(parts[$0]), value: Text(parts[$0 + 1])) }
    }

    private func expectedPairs(
        _ bytes: UnsafeRawBufferPointer, _ facts: ConnectionFacts, _ forwarding: Forwarding
    ) -> [Pair] {
        let isBare = head.targetForm == .absolute && head.path.isEmpty
        let rawPath = PlainReading.text(head.path, bytes)
        let base = min(forwarding.basePathLength, rawPath.count)
        let query = PlainReading.text(head.query, bytes)
        var uri = isBare ? [47] : rawPath
        if head.targetForm == .authority { uri = PlainReading.text(head.target, bytes) }
        if head.hasQuery { uri += [63] + query }
        let host = PlainReading.text(head.host, bytes)
        var pairs: [Pair] = [
            Pair("REQUEST_METHOD", PlainReading.text(head.methodRange, bytes)),
            Pair("SCRIPT_NAME", Text(rawPath[..<base])), Pair("PATH_INFO", isBare ? [47] : Text(rawPath[base...])),
            Pair("QUERY_STRING", query), Pair("REQUEST_URI", uri),
            Pair("SERVER_PROTOCOL", Text("HTTP/1.\(head.versionMinor)".utf8)),
            Pair("REMOTE_ADDR", Text("192.0.2.7".utf8)), Pair("REMOTE_PORT", Text("4711".utf8)),
            Pair("SERVER_PORT", Text("8080".utf8)),
        ]
        if facts.isSecure { pairs.append(Pair("HTTPS", Text("on".utf8))) }
        if host.isEmpty {
            pairs.append(Pair("SERVER_NAME", Text("fallback".utf8)))
        } else {
            pairs.append(Pair("SERVER_NAME", hostName(host)))
            pairs.append(Pair("HTTP_HOST", host))
        }
        switch forwarding.body {
        case .none: break
        case .length(let length): pairs.append(Pair("CONTENT_LENGTH", Text(String(length).utf8)))
        case .chunked: pairs.append(Pair("HTTP_TRANSFER_ENCODING", Text("chunked".utf8)))
        }
        if forwarding.upgrade {
            pairs.append(Pair("HTTP_CONNECTION", Text("upgrade".utf8)))
            pairs.append(Pair("HTTP_UPGRADE", PlainReading.text(head.upgradeProtocol, bytes)))
        }
        let fields = PlainReading.fields(head.fields, bytes)
        pairs += variables(fields)
        let claims = fields.filter { PlainReading.lower($0.name) == "x-forwarded-for" && !$0.value.isEmpty }
        let joined = claims.map { $0.value + Text(", ".utf8) }.joined()
        return pairs + [Pair("HTTP_X_FORWARDED_FOR", joined + Text("192.0.2.1".utf8))]
    }

    private func hostName(_ host: Text) -> Text {
        if host.first == UInt8(ascii: "["), let end = host.firstIndex(of: UInt8(ascii: "]")) {
            return Text(host[...end])
        }
        return Text(host.prefix { $0 != UInt8(ascii: ":") })
    }

    /// One variable a name, values joined (RFC 9110 section 5.3; cookies as in RFC 9113 section 8.2.3).
    private func variables(_ fields: [Pair]) -> [Pair] {
        let dropping = PlainReading.hopByHop.union(PlainReading.forwarding).union(["host"])
        var pairs: [Pair] = []
        for field in PlainReading.passing(fields, dropping: dropping, underscores: false) {
            let name = PlainReading.lower(field.name)
            let key = name == "content-type" ? "CONTENT_TYPE" : "HTTP_" + upper(name)
            if let place = pairs.firstIndex(where: { $0.name == Text(key.utf8) }) {
                pairs[place].value += Text((name == "cookie" ? "; " : ", ").utf8) + field.value
            } else {
                pairs.append(Pair(key, field.value))
            }
        }
        return pairs
    }

    private func upper(_ name: String) -> String {
        let bytes = name.utf8.map { (97...122).contains($0) ? $0 - 32 : $0 == 45 ? 95 : $0 }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func text(_ pairs: [Pair]) -> [String] {
        pairs.map { String(decoding: $0.name + [61] + $0.value, as: UTF8.self) }
    }
}
