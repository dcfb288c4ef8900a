internal import HTTP1

/// However a request's bytes are cut up, the parser says the same; what it accepts can be forwarded, and means the same to
/// whoever parses that.
struct RequestHeadCheck {
    private let memory = GuardedMemory()
    private let output = GuardedMemory()
    private var head = RequestHead()
    private var other = RequestHead()

    mutating func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        var random = SeededGenerator(of: input)
        // Small limits are reached by small inputs.
        let limits = random.below(4) == 0 ? HeadLimits(head: 160, startLine: 40, fields: 4) : HeadLimits()
        var parser = RequestHeadParser(limits: limits)
        let result = parser.parse(memory.place(input), into: &head)
        try require(byteByByte(input, limits) == result, "byte by byte it is not \(result)")
        try requireSameHead(result)
        for _ in 0..<2 {
            let cut = random.below(input.count + 1)
            let pieces = inPieces(input, [cut, cut + random.below(input.count - cut + 1), input.count], limits)
            try require(pieces == result, "cut at \(cut) it is \(pieces), whole \(result)")
            try requireSameHead(result)
        }
        guard case .complete(let length) = result else { return }
        let bytes = memory.place(UnsafeRawBufferPointer(rebasing: input[..<length]))
        try checkMeaning(bytes)
        try forward(bytes, &random)
    }

    private mutating func byteByByte(_ input: UnsafeRawBufferPointer, _ limits: HeadLimits) -> HeadResult {
        var parser = RequestHeadParser(limits: limits)
        for count in 0...input.count {
            let result = parser.parse(UnsafeRawBufferPointer(rebasing: input[..<count]), into: &other)
            if result != .needMore { return result }
        }
        return .needMore
    }

    private mutating func inPieces(
        _ input: UnsafeRawBufferPointer, _ stops: [Int], _ limits: HeadLimits
    ) -> HeadResult {
        var parser = RequestHeadParser(limits: limits)
        for stop in stops {
            let bytes = memory.place(UnsafeRawBufferPointer(rebasing: input[..<stop]))
            let result = parser.parse(bytes, into: &other)
            if result != .needMore { return result }
        }
        return .needMore
    }

    private func requireSameHead(_ result: HeadResult) throws(Finding) {
        guard case .complete = result else { return }
        try require(head.isSame(as: other), "in pieces the head is another one: \(head) \(other)")
    }

    /// What the rest of the program takes for granted.
    private func checkMeaning(_ bytes: UnsafeRawBufferPointer) throws(Finding) {
        for field in PlainReading.fields(head.fields, bytes) { try PlainReading.check(field) }
        let target = head.target.of(bytes)
        try require(!target.isEmpty && target.allSatisfy { $0 > 32 && $0 < 127 && $0 != 35 }, "the target is not clean")
        try require(head.versionMinor <= 1, "the version is \(head.versionMinor)")
        try require(head.versionMinor == 0 || !head.host.isEmpty, "no host")
        let path = head.path.of(bytes)
        switch head.targetForm {
        case .origin: try require(path.first == 47, "the path does not start with a slash")
        case .absolute: try require(path.isEmpty || path.first == 47, "the path does not start with a slash")
        case .authority: try require(path.isEmpty && head.method == .connect, "authority-form with a path")
        case .asterisk: try require(path.elementsEqual([42]) && head.method == .options, "a wrong asterisk-form")
        }
        if head.body == .chunked {
            try require(head.first(.contentLength) == nil && head.versionMinor == 1, "two framings")
        }
    }

    private mutating func forward(_ bytes: UnsafeRawBufferPointer, _ random: inout SeededGenerator) throws(Finding) {
        let dropsForwarding = random.below(2) == 0
        let body: BodyFraming = [head.body, .length(random.below(1 << 40)), .chunked][random.below(3)]
        let forwarding = Forwarding(
            body: body, upgrade: head.upgrade, dropping: dropsForwarding ? .forwarding : FieldSet())
        let client: StaticString = "192.0.2.1"
        let value = UnsafeRawBufferPointer(start: client.utf8Start, count: client.utf8CodeUnitCount)
        let extra = dropsForwarding ? 15 + 16 + value.count : 0
        let room = output.room(ForwardHead.encodedSize(head, headLength: bytes.count, extra: extra))
        var writer = ByteWriter(room)
        ForwardHead.begin(head, bytes, forwarding, to: &writer)
        if dropsForwarding { ForwardHead.field(.xForwardedFor, appending: value, head, bytes, to: &writer) }
        guard let count = ForwardHead.end(&writer) else { throw Finding("the promised size does not suffice") }

        var expected = PlainReading.passing(
            PlainReading.fields(head.fields, bytes),
            dropping: PlainReading.hopByHop.union(["host"]).union(dropsForwarding ? PlainReading.forwarding : []),
            underscores: false)
        var own = [PlainReading.Field("Host", PlainReading.text(head.host, bytes))]
        switch body {
        case .none: break
        case .length(let length): own.append(PlainReading.Field("Content-Length", Array(String(length).utf8)))
        case .chunked: own.append(PlainReading.Field("Transfer-Encoding", Array("chunked".utf8)))
        }
        if head.upgrade {
            own.append(PlainReading.Field("Connection", Array("upgrade".utf8)))
            own.append(PlainReading.Field("Upgrade", PlainReading.text(head.upgradeProtocol, bytes)))
        }
        expected = own + expected
        if dropsForwarding {
            let claims = head.fields.filter { $0.id == .xForwardedFor && !$0.value.isEmpty }
            let joined = claims.map { PlainReading.text($0.value, bytes) + Array(", ".utf8) }.joined()
            expected.append(PlainReading.Field("x-forwarded-for", joined + Array(value)))
        }
        try parseAgain(UnsafeRawBufferPointer(rebasing: room[..<count]), bytes, expected, body)
    }

    private mutating func parseAgain(
        _ sent: UnsafeRawBufferPointer, _ bytes: UnsafeRawBufferPointer, _ expected: [PlainReading.Field],
        _ body: BodyFraming
    ) throws(Finding) {
        var parser = RequestHeadParser(limits: HeadLimits(head: 1 << 20, startLine: 1 << 19, fields: 1000))
        let result = parser.parse(sent, into: &other)
        // RFC 9112 section 3.2: without a host in the request its field is there and empty.
        if head.host.isEmpty, head.versionMinor == 0 { return try require(result == .rejected(.badHost), "\(result)") }
        try require(result == .complete(headLength: sent.count), "what was forwarded is \(result)")
        try require(other.method == head.method && other.body == body, "forwarded with another method or framing")
        try require(other.methodRange.of(sent).elementsEqual(head.methodRange.of(bytes)), "another method")
        try require(other.host.of(sent).elementsEqual(head.host.of(bytes)), "another host")
        try require(other.upgrade == head.upgrade, "an upgrade is lost or found")
        let path = head.targetForm == .absolute && head.path.isEmpty ? [47] : PlainReading.text(head.path, bytes)
        try require(other.path.of(sent).elementsEqual(path), "another path")
        try require(
            other.hasQuery == head.hasQuery && other.query.of(sent).elementsEqual(head.query.of(bytes)),
            "another query")
        try require(PlainReading.fields(other.fields, sent) == expected, "other fields were forwarded")
    }
}

extension PlainReading.Field {
    init(_ name: String, _ value: PlainReading.Text) { self.init(name: Array(name.utf8), value: value) }
}

extension RequestHead {
    func isSame(as other: RequestHead) -> Bool {
        method == other.method && methodRange == other.methodRange && targetForm == other.targetForm
            && target == other.target && path == other.path && query == other.query && hasQuery == other.hasQuery
            && versionMinor == other.versionMinor && fields == other.fields && body == other.body
            && keepAlive == other.keepAlive && expectContinue == other.expectContinue && upgrade == other.upgrade
            && upgradeProtocol == other.upgradeProtocol && host == other.host && hostName == other.hostName
            && connectionNamesFields == other.connectionNamesFields
            && hasUnderscoreHeader == other.hasUnderscoreHeader && mayRepeatFields == other.mayRepeatFields
            && known == other.known
    }
}
