/// Makes inputs out of seeds, without knowing what a program does with them: for short runs on any machine. The long ones
/// are libFuzzer's (`scripts/fuzz`).
package struct Mutator {
    private var random: SeededGenerator
    private let seeds: [[UInt8]]
    private static let words = FuzzTarget.dictionary.map { Array($0.utf8) }

    package init(_ target: FuzzTarget, seed: UInt64) {
        random = SeededGenerator(seed: seed)
        seeds = target.seeds
    }

    package mutating func next() -> [UInt8] {
        var bytes = seeds[random.below(seeds.count)]
        for _ in 0..<random.below(5) { mutate(&bytes) }
        return bytes
    }

    private mutating func mutate(_ bytes: inout [UInt8]) {
        let place = random.below(bytes.count + 1)
        let end = min(bytes.count, place + random.below(12))
        switch random.below(8) {
        case 0 where place < bytes.count: bytes[place] = UInt8(random.below(256))
        case 1 where place < bytes.count: bytes[place] ^= 1 << UInt8(random.below(8))
        case 2: bytes.removeSubrange(place..<end)
        case 3: bytes.insert(contentsOf: bytes[place..<end], at: random.below(bytes.count + 1))
        case 4:
            let other = seeds[random.below(seeds.count)]
            bytes.replaceSubrange(place..., with: other[random.below(other.count + 1)...])
        case 5: bytes.replaceSubrange(place..<end, with: Self.words[random.below(Self.words.count)])
        case 6: bytes.insert(UInt8(random.below(256)), at: place)
        default: bytes.insert(contentsOf: Self.words[random.below(Self.words.count)], at: place)
        }
    }
}
