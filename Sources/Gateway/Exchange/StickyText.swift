import HTTP1
import Pool

/// A worker's sticky id as a cookie holds it: 16 hexadecimal digits.
enum StickyText {
    static func text(_ id: StickyID) -> [UInt8] {
        var text = [UInt8](repeating: 0, count: 16)
        text.withUnsafeMutableBytes { memory in
            for at in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: id.rawValue >> UInt64(60 - 4 * at)) & 15
                memory[at] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            }
        }
        return text
    }

    /// Nil for anything else.
    static func id(_ range: ByteRange?, _ bytes: UnsafeRawBufferPointer) -> StickyID? {
        guard let range, range.count == 16 else { return nil }
        var value: UInt64 = 0
        for byte in range.of(bytes) {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            value = value << 4 | UInt64(digit)
        }
        return StickyID(rawValue: value)
    }
}
