import HTTP1
import Model

/// A generation as a cookie holds it: its number in digits.
enum VersionText {
    static func text(_ generation: GenerationNumber) -> [UInt8] { Array("\(generation.rawValue)".utf8) }

    static let longest = 10

    static func generation(_ range: ByteRange?, _ bytes: UnsafeRawBufferPointer) -> GenerationNumber? {
        guard let digits = range?.of(bytes), !digits.isEmpty, digits.count <= longest else { return nil }
        var value: UInt64 = 0
        for byte in digits {
            guard byte &- UInt8(ascii: "0") < 10 else { return nil }
            value = value * 10 + UInt64(byte - UInt8(ascii: "0"))
        }
        return UInt32(exactly: value).map { GenerationNumber($0) }
    }
}
