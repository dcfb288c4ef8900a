import HTTP1
import Testing

@Suite struct WebSocketFramesTests {
    private struct Frame {
        var isFinal = true
        var opcode: UInt8
        var length: Int
        var isMasked = false
        var rsv: UInt8 = 0

        /// Payload bytes that look like the start of a Close frame, wherever one looks.
        var bytes: [UInt8] {
            let mask: UInt8 = isMasked ? 0x80 : 0
            var bytes: [UInt8] = [(isFinal ? 0x80 : 0) | rsv | opcode]
            switch length {
            case ...125: bytes.append(mask | UInt8(length))
            case ...0xffff: bytes += [mask | 126, UInt8(length >> 8), UInt8(length & 255)]
            default: bytes += [mask | 127] + (0..<8).map { UInt8(truncatingIfNeeded: length >> (56 - 8 * $0)) }
            }
            return bytes + (isMasked ? [0x88, 0, 0x88, 0] : []) + [UInt8](repeating: 0x88, count: length)
        }
    }

    private func scanned(_ bytes: [UInt8], cuts: [Int] = []) -> WebSocketFrames {
        var frames = WebSocketFrames()
        var start = 0
        for cut in cuts + [bytes.count] {
            Array(bytes[start..<cut]).withUnsafeBytes { frames.scan($0) }
            start = cut
        }
        return frames
    }

    @Test(
        "a boundary is known exactly after each frame, of every length form, masked or not",
        arguments: [0, 1, 125, 126, 127, 65535, 65536, 70000], [false, true])
    func lengths(_ length: Int, _ isMasked: Bool) {
        let bytes = Frame(opcode: 2, length: length, isMasked: isMasked).bytes
        for count in [1, 2, 3, 4, 9, 10, 13, 14, bytes.count - 1] where count < bytes.count {
            #expect(!scanned(Array(bytes[..<count])).isAtBoundary, "\(count)")
        }
        #expect(scanned(bytes).canClose)
        #expect(scanned(bytes + bytes).canClose)
        #expect(!scanned(bytes + [0x81]).canClose)
    }

    @Test("every cut of a stream gives the same boundaries")
    func splits() {
        let frames = [
            Frame(opcode: 1, length: 3), Frame(isFinal: false, opcode: 2, length: 130, rsv: 0x40),
            Frame(opcode: 9, length: 0),
            Frame(isFinal: false, opcode: 0, length: 0), Frame(opcode: 0, length: 4, isMasked: true),
            Frame(opcode: 8, length: 2),
        ]
        let bytes = frames.flatMap(\.bytes)
        var boundaries: Set<Int> = [0]
        for count in 1...frames.count { boundaries.insert(frames[..<count].flatMap(\.bytes).count) }
        for cut in 0...bytes.count {
            #expect(scanned(Array(bytes[..<cut])).isAtBoundary == boundaries.contains(cut), "\(cut)")
            let whole = scanned(bytes, cuts: [cut])
            #expect(whole.isAtBoundary && whole.closeHasPassed && !whole.canClose)
        }
        #expect(scanned(bytes, cuts: Array(0..<bytes.count)).closeHasPassed)
        // A Close frame may be added between fragments.
        #expect(scanned(frames[..<2].flatMap(\.bytes)).canClose)
    }

    @Test(
        "what breaks the rules makes the place unknown for ever",
        arguments: [
            [0x83, 0x00], [0x8b, 0x00], [0x91, 0x00], [0xa1, 0x00], [0x09, 0x00], [0x08, 0x00], [0x89, 126, 0, 126],
            [0x80, 0x00], [0x00, 0x00], [0x01, 0x00, 0x81, 0x00], [0x81, 126, 0, 125],
            [0x81, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            [0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], [0x88, 0x00, 0x81, 0x00],
        ] as [[UInt8]])
    func malformed(_ bytes: [UInt8]) {
        let after = bytes + [0x81, 0x00]
        for cut in 0...bytes.count { #expect(!scanned(after, cuts: [cut]).isAtBoundary) }
    }

    @Test("random frames, cut up at random, agree with the list they were made from")
    func model() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            var frames = WebSocketFrames()
            var isFragmented = false
            for _ in 0..<20 {
                let isControl = Int.random(in: 0..<4, using: &random) == 0
                let isFinal = isControl || Bool.random(using: &random)
                let opcode: UInt8 = isControl ? [9, 10].randomElement(using: &random)! : isFragmented ? 0 : 1
                let length = Int.random(in: 0...(isControl ? 125 : 70000), using: &random)
                if !isControl { isFragmented = !isFinal }
                let bytes = Frame(
                    isFinal: isFinal, opcode: opcode, length: length >> Int.random(in: 0..<17, using: &random),
                    isMasked: Bool.random(using: &random)
                ).bytes
                var start = 0
                while start < bytes.count {
                    let end = min(bytes.count, start + Int.random(in: 1...30000, using: &random))
                    bytes[start..<end].withUnsafeBytes { frames.scan($0) }
                    #expect(frames.canClose == (end == bytes.count), "seed \(seed)")
                    start = end
                }
            }
        }
    }

    @Test("a Close frame is unmasked and short, and is one to the scanner")
    func close() {
        #expect(WebSocketFrames.closeFrame() == [0x88, 2, 0x03, 0xe9])
        #expect(WebSocketFrames.closeFrame(code: 1012, reason: "bye") == [0x88, 5, 0x03, 0xf4, 0x62, 0x79, 0x65])
        let long = WebSocketFrames.closeFrame(reason: String(repeating: "é", count: 100))
        #expect(long.count == 2 + 2 + 122)
        #expect(long[1] == 124)
        #expect(scanned(long).closeHasPassed)
    }
}
