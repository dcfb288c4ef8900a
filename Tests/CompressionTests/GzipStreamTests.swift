import Glibc
import HTTP1
import Testing

@testable import Compression

@Suite struct GzipStreamTests {
    private let streams = GzipStreams(budget: GzipBudget(limit: 2))

    private func text(_ count: Int, _ random: inout Generator) -> [UInt8] {
        (0..<count).map { _ in UInt8(ascii: "a") + UInt8.random(in: 0..<7, using: &random) }
    }

    @Test("what went in comes out again", arguments: 0..<30)
    func roundTrip(_ seed: Int) throws {
        var random = Generator(state: UInt64(seed))
        let stream = try #require(streams.take(isPadded: seed % 2 == 0))
        var input: [UInt8] = []
        var output: [UInt8] = []
        for _ in 0..<Int.random(in: 0..<12, using: &random) {
            let size = [0, 1, 100, 5000, 300_000].randomElement(using: &random) ?? 0
            // Also what cannot be made smaller.
            let part =
                seed % 3 == 0 ? (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) } : text(size, &random)
            let flush: GzipFlush = Bool.random(using: &random) ? .sync : .none
            input += part
            output += try stream.compressed(part, flush)
            if flush == .sync {
                let soFar = try #require(gunzip(output))
                #expect(soFar.output == input && !soFar.isComplete)
            }
        }
        output += try stream.compressed([], .finish)
        let whole = try #require(gunzip(output))
        #expect(whole.output == input && whole.isComplete)
        #expect(stream.isFinished)
    }

    @Test func `The system's gzip reads it`() throws {
        var random = Generator(state: 7)
        let input = text(1 << 20, &random)
        let stream = try #require(streams.take(padding: 200))
        let output = try stream.compressed(input, .finish)
        #expect(output.count < input.count / 2)
        // cksum, because a pipe of the C library goes one way only.
        let sum = [UInt8]("test \"$(gzip -dc | cksum)\" = \"\(checksum(input)) \(input.count)\"".utf8) + [0]
        let pipe = try #require(sum.withUnsafeBytes { popen($0.baseAddress?.assumingMemoryBound(to: CChar.self), "w") })
        #expect(fwrite(output, 1, output.count, pipe) == output.count)
        #expect(pclose(pipe) == 0)
    }

    /// POSIX cksum.
    private func checksum(_ bytes: [UInt8]) -> UInt32 {
        var length: [UInt8] = []
        var rest = bytes.count
        while rest > 0 {
            length.append(UInt8(rest & 255))
            rest >>= 8
        }
        var sum: UInt32 = 0
        for byte in bytes + length {
            sum ^= UInt32(byte) << 24
            for _ in 0..<8 { sum = sum & 0x8000_0000 != 0 ? sum << 1 ^ 0x04c1_1db7 : sum << 1 }
        }
        return ~sum
    }

    @Test func `A second flush without input adds nothing`() throws {
        let stream = try #require(streams.take(padding: 0))
        #expect(!(try stream.compressed(Array("hello".utf8), .sync)).isEmpty)
        #expect(try stream.compressed([], .sync).isEmpty)
        #expect(try stream.compressed([], .none).isEmpty)
    }

    @Test func `An empty answer is gzip too`() throws {
        let stream = try #require(streams.take(padding: 0))
        let whole = try #require(gunzip(try stream.compressed([], .finish)))
        #expect(whole.output.isEmpty && whole.isComplete)
    }

    @Test func `Nothing may follow the end`() throws {
        let stream = try #require(streams.take(padding: 0))
        _ = try stream.compressed([1], .finish)
        for flush in [GzipFlush.none, .sync, .finish] {
            #expect(throws: GzipFailure.finished) { try stream.compressed([1], flush) }
        }
    }

    @Test func `Padding changes the length, by its own, and is told apart from none`() throws {
        let page = Array("a page".utf8)
        func length(_ padding: Int) throws -> Int {
            let stream = try #require(streams.take(padding: padding))
            defer { streams.giveBack(stream) }
            let output = try stream.compressed(page, .finish)
            #expect(gunzip(output)?.output == page)
            return output.count
        }
        let bare = try length(0)
        for padding in [1, 2, 100, 255] { #expect(try length(padding) == bare + padding + 1) }
        #expect(try length(9999) == bare + 256)
        #expect(try length(0) == bare)
        let lengths = try (0..<40).map { _ in
            let stream = try #require(streams.take(isPadded: true))
            defer { streams.giveBack(stream) }
            return try stream.compressed(page, .finish).count
        }
        #expect(Set(lengths).count > 10)
    }

    @Test func `A stream that broke off in the middle is as new after it was given back`() throws {
        let first = try #require(streams.take(padding: 9))
        _ = try first.compressed(Array("the secret of someone else".utf8), .none)
        streams.giveBack(first)
        let second = try #require(streams.take(padding: 0))
        #expect(first === second)
        #expect(gunzip(try second.compressed(Array("mine".utf8), .finish))?.output == Array("mine".utf8))
    }

    @Test func `There are never more streams than the budget says, on all loops together`() throws {
        let budget = GzipBudget(limit: 3)
        let loops = [GzipStreams(budget: budget), GzipStreams(budget: budget)]
        var taken = try (0..<3).map { try #require(loops[$0 % 2].take(isPadded: false)) }
        #expect(loops[0].take(isPadded: false) == nil)
        taken.removeLast()
        #expect(budget.inUse == 2)
        loops[1].giveBack(taken.removeLast())
        // What is kept counts.
        #expect(budget.inUse == 2)
        #expect(loops[1].take(isPadded: false) != nil && budget.inUse == 1)
    }
}
