internal import HTTP1

/// However a response's bytes are cut up, the parser says the same; the answer that is written for an accepted one means the
/// same to whoever parses that. The input's first byte stands for the request's method.
struct ResponseHeadCheck {
    private let memory = GuardedMemory()
    private let output = GuardedMemory()
    private var head = ResponseHead()
    private var other = ResponseHead()

    mutating func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        guard let first = input.first else { return }
        let method = [Method.get, .head, .post, .connect][Int(first) % 4]
        let response = UnsafeRawBufferPointer(rebasing: input[1...])
        var random = SeededGenerator(of: input)
        let limits = random.below(4) == 0 ? HeadLimits(head: 160, startLine: 40, fields: 4) : HeadLimits()
        var parser = ResponseHeadParser(limits: limits)
        let result = parser.parse(memory.place(response), requestMethod: method, into: &head)
        let cut = random.below(response.count + 1)
        let stops = [
            Array(0...response.count), [cut, cut + random.below(response.count - cut + 1), response.count],
        ]
        for stops in stops {
            let pieces = inPieces(response, stops, method, limits)
            try require(pieces == result, "in pieces it is \(pieces), whole \(result)")
            if case .complete = result { try require(head.isSame(as: other), "in pieces it is another head") }
        }
        guard case .complete(let length) = result else { return }
        try answer(memory.place(UnsafeRawBufferPointer(rebasing: response[..<length])), method, &random)
    }

    private mutating func inPieces(
        _ input: UnsafeRawBufferPointer, _ stops: [Int], _ method: Method, _ limits: HeadLimits
    ) -> HeadResult {
        var parser = ResponseHeadParser(limits: limits)
        for stop in stops {
            let bytes = UnsafeRawBufferPointer(rebasing: input[..<stop])
            let result = parser.parse(
                stops.count < 4 ? memory.place(bytes) : bytes, requestMethod: method, into: &other)
            if result != .needMore { return result }
        }
        return .needMore
    }

    private mutating func answer(
        _ bytes: UnsafeRawBufferPointer, _ method: Method, _ random: inout SeededGenerator
    ) throws(Finding) {
        let fields = PlainReading.fields(head.fields, bytes)
        for field in fields { try PlainReading.check(field) }
        try require((100...999).contains(head.status), "status \(head.status)")
        let keepAlive = head.framing != .untilClose && random.below(2) == 0
        let clientMinor: UInt8 = head.framing == .chunked ? 1 : UInt8(random.below(2))
        let room = output.room(AnswerHead.encodedSize(head, headLength: bytes.count))
        var writer = ByteWriter(room)
        AnswerHead.begin(
            head, bytes, framing: head.framing, keepAlive: keepAlive, clientMinor: clientMinor, to: &writer)
        guard let count = AnswerHead.end(&writer) else { throw Finding("the promised size does not suffice") }
        let sent = UnsafeRawBufferPointer(rebasing: room[..<count])

        var parser = ResponseHeadParser(limits: HeadLimits(head: 1 << 20, startLine: 1 << 19, fields: 1000))
        let result = parser.parse(sent, requestMethod: method, into: &other)
        try require(result == .complete(headLength: count), "the answer is \(result)")
        try require(other.status == head.status && other.framing == head.framing, "another status or framing")
        try require(other.reason.of(sent).elementsEqual(head.reason.of(bytes)), "another reason")
        if head.status >= 200 { try require(other.keepAlive == keepAlive, "another end of the connection") }
        if head.framing == .none, head.status >= 200, head.status != 204 {
            try require(other.contentLength == head.contentLength, "another length of what is not there")
        }
        let expected = PlainReading.passing(fields, dropping: PlainReading.hopByHop, underscores: true)
        let passed = PlainReading.passing(
            PlainReading.fields(other.fields, sent), dropping: PlainReading.hopByHop, underscores: true)
        try require(passed == expected, "other fields were passed on")
    }
}

extension ResponseHead {
    func isSame(as other: ResponseHead) -> Bool {
        status == other.status && reason == other.reason && versionMinor == other.versionMinor
            && fields == other.fields && framing == other.framing && contentLength == other.contentLength
            && keepAlive == other.keepAlive && upgrade == other.upgrade
            && connectionNamesFields == other.connectionNamesFields && known == other.known
    }
}
