import HTTP1
import Testing

@Suite struct FuzzTests {
    @Test(
        "no bytes make the request parser trap or change its mind when they come in pieces",
        arguments: [31, 32] as [UInt64])
    func requests(seed: UInt64) {
        var generator = RequestGenerator(seed: seed)
        for round in 0..<20_000 {
            var bytes = generator.next()
            for _ in 0..<generator.number(in: 0..<6) { generator.mutate(&bytes) }
            let cut = generator.number(in: 0..<(bytes.count + 1))
            let later = generator.number(in: cut..<(bytes.count + 1))
            let pieces = parseRequest(bytes, stops: [cut, later, bytes.count])
            #expect(pieces == parseRequest(bytes), "seed \(seed) round \(round)")
        }
    }

    @Test("no bytes make the response parser trap", arguments: [41] as [UInt64])
    func responses(seed: UInt64) {
        var generator = RequestGenerator(seed: seed)
        let start = Array("HTTP/1.1 200 OK\r\nContent-Length: 12\r\nA: b\r\nConnection: close\r\n\r\n".utf8)
        for round in 0..<20_000 {
            var bytes = start
            for _ in 0..<generator.number(in: 0..<4) { generator.mutate(&bytes) }
            let text = String(decoding: bytes, as: UTF8.self)
            let whole = parseResponse(text)
            let cut = generator.number(in: 0..<(text.utf8.count + 1))
            let pieces = parseResponse(text, stops: [cut, text.utf8.count])
            #expect(pieces.result == whole.result, "seed \(seed) round \(round)")
            if case .complete = whole.result { #expect(pieces.head.framing == whole.head.framing) }
        }
    }

    @Test("a head that comes byte by byte takes time in proportion to its length")
    func noQuadraticWork() {
        // 60 KiB in one field: with a search from the start at each byte this would be 1.8 billion steps.
        let bytes = Array(
            ("GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "x", count: 60_000) + "\r\n\r\n").utf8)
        var parser = RequestHeadParser()
        var head = RequestHead()
        let time = ContinuousClock().measure {
            bytes.withUnsafeBytes { raw in
                for count in 1..<bytes.count {
                    _ = parser.parse(UnsafeRawBufferPointer(rebasing: raw[..<count]), into: &head)
                }
                #expect(parser.parse(raw, into: &head) == .complete(headLength: bytes.count))
            }
        }
        print("codec: a 60 KiB head byte by byte took \(time)")
    }
}
