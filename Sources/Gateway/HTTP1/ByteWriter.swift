/// A cursor over the caller's memory. It never writes past the end: what does not fit is dropped and `overflowed` says so,
/// so that a wrong size estimate is an error answer and not a corrupted heap.
package struct ByteWriter {
    private let memory: UnsafeMutableRawBufferPointer
    package private(set) var count = 0
    package private(set) var overflowed = false

    package init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    @inline(__always)
    private mutating func room(_ wanted: Int) -> UnsafeMutableRawPointer? {
        guard wanted <= memory.count - count, let base = memory.baseAddress else {
            overflowed = overflowed || wanted > 0
            return nil
        }
        let place = base + count
        count += wanted
        return place
    }

    package mutating func write(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, let place = room(bytes.count) else { return }
        place.copyMemory(from: source, byteCount: bytes.count)
    }

    package mutating func write(_ text: StaticString) {
        guard let place = room(text.utf8CodeUnitCount) else { return }
        place.copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
    }

    package mutating func write(byte: UInt8) {
        guard let place = room(1) else { return }
        place.storeBytes(of: byte, as: UInt8.self)
    }

    /// Room for `count` bytes, which `fill` must fill; it is not called when they do not fit.
    @inline(__always)
    mutating func write(count: Int, _ fill: (UnsafeMutableRawPointer) -> Void) {
        guard let place = room(count) else { return }
        fill(place)
    }

    /// Takes out the lines from `start` on whose field names are among these. Only whole lines were written there.
    package mutating func removeFields(_ names: ReplacedFields, from start: Int) {
        var from = start
        var to = start
        while from < count {
            let rest = UnsafeRawBufferPointer(rebasing: memory[from..<count])
            let length = (rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.count - 1) + 1
            let name = UnsafeRawBufferPointer(rebasing: rest[..<(rest.firstIndex(of: UInt8(ascii: ":")) ?? 0)])
            if name.count > length || !names.contains(name) {
                if to < from { move(to: to, from: from, length) }
                to += length
            }
            from += length
        }
        count = to
    }

    private func move(to place: Int, from source: Int, _ length: Int) {
        guard let base = memory.baseAddress else { return }
        (base + place).copyMemory(from: base + source, byteCount: length)
    }

    /// `Name: value` and CRLF.
    @inline(__always)
    mutating func write(field: HeaderField, of bytes: UnsafeRawBufferPointer) {
        write(field.name.of(bytes))
        write(": ")
        write(field.value.of(bytes))
        write("\r\n")
    }

    package mutating func write(decimal value: Int) {
        var rest = value.magnitude
        var digits = 1
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        if value < 0 { write(byte: UInt8(ascii: "-")) }
        guard let place = room(digits) else { return }
        rest = value.magnitude
        for index in stride(from: digits - 1, through: 0, by: -1) {
            place.storeBytes(of: UInt8(ascii: "0") + UInt8(rest % 10), toByteOffset: index, as: UInt8.self)
            rest /= 10
        }
    }

    package mutating func write(hexadecimal value: Int) {
        let digits = max(1, (Int.bitWidth - value.leadingZeroBitCount + 3) / 4)
        guard let place = room(digits) else { return }
        for index in 0..<digits {
            let digit = UInt8(truncatingIfNeeded: value >> ((digits - 1 - index) * 4)) & 15
            let ascii = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            place.storeBytes(of: ascii, toByteOffset: index, as: UInt8.self)
        }
    }

    /// Writes over four bytes that are already there, big-endian.
    package mutating func patch(bigEndian value: UInt32, at offset: Int) {
        guard offset >= 0, offset <= count - 4, let base = memory.baseAddress else { return }
        base.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
    }
}
