import HTTP1
import Testing

@Suite struct ChunkedTests {
    @Test(
        "chunked bodies are decoded, however they are cut up (RFC 9112 section 7.1)",
        arguments: [
            ("0\r\n\r\n", "", ""),
            ("3\r\nabc\r\n0\r\n\r\n", "abc", ""),
            ("A\r\n0123456789\r\n00\r\n\r\n", "0123456789", ""),
            ("1\r\na\r\n2;x\r\nbc\r\n0;y=\"z z\"\r\n\r\n", "abc", ""),
            ("1\r\na\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n", "a", "X-Sum: 1\r\nY:\r\n"),
            ("0000000000000001\r\na\r\n0\r\n\r\n", "a", ""),
            ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n", ""),
        ])
    func accepted(text: String, body: String, trailer: String) {
        let bytes = Array((text + "GET /next").utf8)
        for step in 1...bytes.count {
            let result = dechunk(bytes, step: step)
            #expect(String(decoding: result.body, as: UTF8.self) == body)
            #expect(String(decoding: result.trailer, as: UTF8.self) == trailer)
            #expect(result.ended)
            #expect(result.used == text.utf8.count)
        }
        var scanner = ChunkedScanner()
        #expect(bytes.withUnsafeBytes { scanner.scan($0) } == .end(length: text.utf8.count))
        #expect(scan(Array(bytes[..<text.utf8.count]), step: 1) == .end(length: 1))
    }

    @Test(
        "loose chunk framing is refused, however it is cut up",
        arguments: [
            ("\r\n", ChunkRejection.badSize), ("g\r\n", .badSize), (" 3\r\nabc", .badSize), ("3 \r\nabc", .badSize),
            ("+3\r\nabc", .badSize), ("-3\r\nabc", .badSize), ("0x3\r\nabc", .badSize), (";a\r\n", .badSize),
            ("3\nabc", .missingCRLF), ("3\r\rabc", .missingCRLF), ("3\r\nabcd\r\n", .missingCRLF),
            ("3\r\nabc\n0\r\n", .missingCRLF), ("3\r\nabc\r0", .missingCRLF), ("0\r\n\rX", .missingCRLF),
            ("8000000000000000\r\n", .sizeTooLarge), ("00000000000000001\r\n", .sizeTooLarge),
            ("3;a\u{1}\r\n", .badExtension), ("3;a\nabc", .badExtension),
            ("3;\r\n", .badExtension), ("3; a\r\n", .badExtension), ("3;a=\r\n", .badExtension),
            ("3;a:\r\n", .badExtension), ("3;a=\"b\r\n", .badExtension), ("3;a=\"b\"c\r\n", .badExtension),
            ("3;a=\"b\\\r\n", .badExtension), ("3;a;;b\r\n", .badExtension),
            ("3;" + String(repeating: "a", count: 5000), .extensionTooLong),
            ("0\r\n X: a\r\n\r\n", .badTrailer), ("0\r\nX : a\r\n\r\n", .badTrailer), ("0\r\nX\r\n\r\n", .badTrailer),
            ("0\r\n: a\r\n\r\n", .badTrailer), ("0\r\nX: a\n\r\n", .badTrailer), ("0\r\n\n", .badTrailer),
            ("0\r\nX: a\r b", .badTrailer), ("0\r\nX: \u{0}\r\n", .badTrailer),
            ("0\r\nContent-Length: 1\r\n\r\n", .forbiddenTrailer), ("0\r\nhost: a\r\n\r\n", .forbiddenTrailer),
            ("0\r\nTRANSFER-ENCODING: a\r\n\r\n", .forbiddenTrailer),
            ("0\r\nX: " + String(repeating: "a", count: 9000), .trailerTooLong),
        ] as [(String, ChunkRejection)])
    func refused(text: String, reason: ChunkRejection) {
        let bytes = Array(text.utf8)
        for step in [1, 2, 3, 7, bytes.count] {
            #expect(dechunk(bytes, step: step).rejection == reason)
            #expect(scan(bytes, step: step) == .rejected(reason))
        }
    }

    @Test("extensions with tokens and quoted strings are dropped")
    func extensions() {
        let text = "3;a\r\nabc\r\n1;a=b;c=\"d\\\"\\\\ \t;\u{e4}\"\r\nd\r\n0;e=\"\"\r\n\r\n"
        #expect(dechunk(Array(text.utf8)).body == Array("abcd".utf8))
        #expect(dechunk(Array(text.utf8), step: 1).ended)
    }

    @Test("extensions count over the whole message, so that tiny chunks cannot carry endless ones")
    func extensionsAdd() {
        let text = String(repeating: "1;aaaaaaaaa\r\nx\r\n", count: 10)
        #expect(dechunk(Array(text.utf8), limits: ChunkLimits(extensions: 89)).rejection == .extensionTooLong)
        #expect(dechunk(Array(text.utf8), limits: ChunkLimits(extensions: 90)).rejection == nil)
    }

    @Test("random and mutated chunks never trap, and decoder and scanner agree", arguments: [11, 12] as [UInt64])
    func fuzz(seed: UInt64) {
        var generator = RequestGenerator(seed: seed)
        let start = Array("5;a=b\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nSum: 12\r\n\r\n".utf8)
        for round in 0..<20_000 {
            var bytes = start
            for _ in 0..<generator.number(in: 0..<4) { generator.mutate(&bytes) }
            let whole = dechunk(bytes)
            let step = generator.number(in: 1..<12)
            var pieces = dechunk(bytes, step: step)
            // A refusal may come after more or fewer bytes of a trailer were seen.
            if whole.rejection != nil { pieces.trailer = whole.trailer }
            #expect(pieces == whole, "seed \(seed) round \(round)")
            var scanner = ChunkedScanner()
            let scanned = bytes.withUnsafeBytes { scanner.scan($0) }
            switch scanned {
            case .more: #expect(!whole.ended && whole.rejection == nil)
            case .end(let length): #expect(whole.ended && whole.used == length)
            case .rejected(let reason): #expect(whole.rejection == reason)
            }
        }
    }

    @Test("what the encoder writes, the decoder reads")
    func encoder() {
        for length in [1, 9, 10, 15, 16, 17, 255, 256, 4096, 65537] {
            var memory = [UInt8](repeating: 0, count: ChunkedEncoder.maxHeaderLength)
            let header = memory.withUnsafeMutableBytes { raw in
                var writer = ByteWriter(raw)
                ChunkedEncoder.writeHeader(length: length, to: &writer)
                return Array(raw[..<writer.count])
            }
            let body = [UInt8](repeating: 65, count: length)
            let bytes = header + body + Array("\(ChunkedEncoder.chunkEnd)\(ChunkedEncoder.bodyEnd)".utf8)
            let result = dechunk(bytes)
            #expect(result.ended && result.body == body && result.used == bytes.count)
        }
    }

    private func scan(_ bytes: [UInt8], step: Int) -> ChunkedScanner.Result {
        var scanner = ChunkedScanner()
        for start in stride(from: 0, to: bytes.count, by: step) {
            let piece = Array(bytes[start..<min(bytes.count, start + step)])
            let result = piece.withUnsafeBytes { scanner.scan($0) }
            if result != .more { return result }
        }
        return .more
    }
}
