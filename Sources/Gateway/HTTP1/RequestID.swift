/// Sixteen random bytes, written as 32 hexadecimal digits: what a request is called in logs here and in the app. Unique,
/// not secret.
package struct RequestID: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static let length = 32

    package func write(to writer: inout ByteWriter) {
        writer.write(count: RequestID.length) { place in
            RequestID.write(high, to: place)
            RequestID.write(low, to: place + 16)
        }
    }

    private static func write(_ word: UInt64, to place: UnsafeMutableRawPointer) {
        let digits: StaticString = "0123456789abcdef"
        for at in 0..<16 {
            let digit = digits.utf8Start[Int(word >> UInt64(60 - 4 * at) & 15)]
            place.storeBytes(of: digit, toByteOffset: at, as: UInt8.self)
        }
    }

    /// A client's own id is kept when it is 1 to 128 letters, digits and `-_.+/=:@~`: what UUIDs, ULIDs, Base64 and
    /// trace ids are made of. It ends up in logs and in the app's own headers.
    static func isAcceptable(_ text: UnsafeRawBufferPointer) -> Bool {
        (1...128).contains(text.count) && text.allSatisfy(isAcceptable)
    }

    private static func isAcceptable(_ byte: UInt8) -> Bool {
        if Bytes.isDigit(byte) || (byte | 0x20) &- UInt8(ascii: "a") < 26 { return true }
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "/"),
            UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "~"):
            return true
        default: return false
        }
    }
}

extension RequestID: CustomStringConvertible {
    package var description: String {
        [high, low].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

/// Makes request ids, one maker for each event loop: xoshiro256** with its state from the system's random numbers.
package struct RequestIDs: Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    package init() {
        var random = SystemRandomNumberGenerator()
        // All zeroes would stay zeroes.
        state = (random.next(), random.next(), random.next(), random.next() | 1)
    }

    package mutating func next() -> RequestID { RequestID(high: nextWord(), low: nextWord()) }

    private mutating func nextWord() -> UInt64 {
        let scrambled = state.1 &* 5
        let result = (scrambled << 7 | scrambled >> 57) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = state.3 << 45 | state.3 >> 19
        return result
    }
}
