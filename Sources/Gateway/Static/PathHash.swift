/// A fast hash of a path, seeded anew in each process so that nobody can choose paths that collide.
struct PathHash: Sendable {
    private let seed: UInt64

    init(seed: UInt64 = .random(in: .min ... .max)) { self.seed = seed }

    func of(_ bytes: UnsafeRawBufferPointer, mixing extra: UInt64 = 0) -> UInt64 {
        var hash = seed ^ fold(extra ^ 0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93 ^ UInt64(bytes.count))
        var at = 0
        while at &+ 8 <= bytes.count {
            hash = fold(hash ^ bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self), 0xa076_1d64_78bd_642f)
            at &+= 8
        }
        var rest: UInt64 = 0
        while at < bytes.count {
            rest = rest << 8 | UInt64(bytes[at])
            at &+= 1
        }
        return fold(hash ^ rest, 0xe703_7ed1_a0b4_28db ^ seed)
    }

    @inline(__always)
    private func fold(_ first: UInt64, _ second: UInt64) -> UInt64 {
        let product = first.multipliedFullWidth(by: second)
        return product.high ^ product.low
    }
}
