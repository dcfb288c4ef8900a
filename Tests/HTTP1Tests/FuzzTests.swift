import Fuzzing
import Glibc
import HTTP1
import Testing

/// A short run, for every machine; the long ones are `scripts/fuzz`.
@Suite struct FuzzTests {
    private static let isLong = getenv("PASSENGER_LONG_TESTS") != nil

    @Test("a mutator finds nothing", arguments: FuzzTarget.allCases)
    func mutated(_ target: FuzzTarget) throws {
        let fuzzer = Fuzzer(target)
        for seed in target.seeds { try check(fuzzer, seed, "a seed") }
        var mutator = Mutator(target, seed: 51)
        let rounds = (target.isDifferential ? 3000 : 10_000) * (Self.isLong ? 50 : 1)
        for round in 0..<rounds { try check(fuzzer, mutator.next(), "round \(round)") }
        guard target.isDifferential else { return }
        let tally = fuzzer.tally
        print("\(target.rawValue): \(tally.same) of \(rounds) the same, only we refuse \(tally.stricter)")
        #expect(tally.same > rounds / 20)
    }

    @Test("whatever we accept of random requests means the same to NIOHTTP1", arguments: [1, 2] as [UInt64])
    func requests(seed: UInt64) throws {
        let fuzzer = Fuzzer(.nioRequest)
        var generator = RequestGenerator(seed: seed)
        for round in 0..<5000 { try check(fuzzer, generator.next(), "seed \(seed) round \(round)") }
        #expect(fuzzer.tally.same > 500)
    }

    private func check(_ fuzzer: Fuzzer, _ bytes: [UInt8], _ place: String) throws {
        try bytes.withUnsafeBytes { input in
            do { try fuzzer.check(input) } catch {
                Issue.record("\(place): \(error): \(String(decoding: bytes, as: UTF8.self).debugDescription)")
                throw error
            }
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
