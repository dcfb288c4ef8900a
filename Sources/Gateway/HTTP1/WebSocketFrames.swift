/// Where the frames of one direction of an upgraded WebSocket connection end (RFC 6455 section 5.2), without looking at
/// what they carry: the gateway may say good-bye on a connection only between two frames.
///
/// Payload is skipped by count, so the cost is per frame and not per byte. What breaks the rules makes the place unknown for
/// ever: a guess could put a Close frame into the middle of somebody's message.
package struct WebSocketFrames: Sendable {
    private enum Place: Equatable {
        /// The header's bytes so far are in `header`; none means between two frames.
        case header(count: Int)
        case payload(left: UInt64)
        case unknown
    }

    /// At most two bytes, eight of length and a mask of four, one after the other.
    private var header: (high: UInt64, low: UInt64) = (0, 0)
    private var place = Place.header(count: 0)
    private var isFragmented = false
    /// A whole Close frame has passed: nothing may follow it (section 5.5.1).
    package private(set) var closeHasPassed = false

    package init() {}

    /// The stream stands between two frames. Also true between the fragments of a message, where a control frame may stand
    /// (section 5.4).
    package var isAtBoundary: Bool { place == .header(count: 0) }
    /// A Close frame may be added here.
    package var canClose: Bool { isAtBoundary && !closeHasPassed }

    /// `bytes` are the next ones of the stream.
    package mutating func scan(_ bytes: UnsafeRawBufferPointer) {
        var at = 0
        while at < bytes.count {
            switch place {
            case .header(let count):
                append(bytes[at], at: count)
                at += 1
                readHeader(count: count + 1)
            case .payload(let left):
                let skipped = min(left, UInt64(bytes.count - at))
                at += Int(skipped)
                if skipped == left { endFrame() } else { place = .payload(left: left - skipped) }
            case .unknown: return
            }
        }
    }

    private mutating func append(_ byte: UInt8, at index: Int) {
        if index == 0 { header = (0, 0) }
        if index < 8 {
            header.high |= UInt64(byte) << UInt64(56 - 8 * index)
        } else {
            header.low |= UInt64(byte) << UInt64(56 - 8 * (index - 8))
        }
    }

    private func byte(_ index: Int) -> UInt8 { UInt8(truncatingIfNeeded: header.high >> UInt64(56 - 8 * index)) }

    private mutating func readHeader(count: Int) {
        if count == 1, !isLegalStart { return place = .unknown }
        guard count >= 2 else { return place = .header(count: count) }
        let short = byte(1) & 0x7f
        // Control frames are short (section 5.5).
        if count == 2, isControl, short > 125 { return place = .unknown }
        let lengthSize = short < 126 ? 0 : short == 126 ? 2 : 8
        let headerSize = 2 + lengthSize + (byte(1) & 0x80 == 0 ? 0 : 4)
        guard count >= headerSize else { return place = .header(count: count) }
        guard let length = payloadLength(short) else { return place = .unknown }
        if length == 0 { endFrame() } else { place = .payload(left: length) }
    }

    private var isControl: Bool { byte(0) & 0x08 != 0 }
    private var isFinal: Bool { byte(0) & 0x80 != 0 }

    /// RSV1 is what the compression extension of RFC 7692 uses; whether it was negotiated is not known here. Nobody uses the
    /// other two.
    private var isLegalStart: Bool {
        guard byte(0) & 0x30 == 0, !closeHasPassed else { return false }
        return switch byte(0) & 0x0f {
        case 0: isFragmented
        case 1, 2: !isFragmented
        case 8, 9, 10: isFinal
        default: false
        }
    }

    /// Nil when it is not written in the fewest bytes, or over 63 bits.
    private func payloadLength(_ short: UInt8) -> UInt64? {
        switch short {
        case 126:
            let length = header.high >> 32 & 0xffff
            return length > 125 ? length : nil
        case 127:
            let length = header.high << 16 | header.low >> 48
            return length > 0xffff && length >> 63 == 0 ? length : nil
        default: return UInt64(short)
        }
    }

    private mutating func endFrame() {
        place = .header(count: 0)
        if byte(0) & 0x0f == 8 {
            closeHasPassed = true
        } else if !isControl {
            isFragmented = !isFinal
        }
    }
}

extension WebSocketFrames {
    /// 1001: an endpoint is "going away", such as a server going down (section 7.4.1).
    package static let goingAway: UInt16 = 1001

    /// A Close frame as a server sends it: final, not masked (section 5.1). A reason over 123 bytes is cut, at a character.
    package static func closeFrame(code: UInt16 = goingAway, reason: String = "") -> [UInt8] {
        var text: [UInt8] = []
        for character in reason.unicodeScalars {
            let bytes = UTF8.encode(character).map { Array($0) } ?? []
            guard text.count + bytes.count <= 123 else { break }
            text += bytes
        }
        return [0x88, UInt8(2 + text.count), UInt8(code >> 8), UInt8(code & 255)] + text
    }
}
