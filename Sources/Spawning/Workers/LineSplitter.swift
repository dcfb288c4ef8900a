import Synchronization

/// Cuts one stream into lines. A line longer than `maxLine` bytes is cut into several, so that memory stays bounded whatever
/// an app writes.
final class LineSplitter: Sendable {
    private let maxLine: Int
    private let partial = Mutex<[UInt8]>([])

    init(maxLine: Int = 16 * 1024) { self.maxLine = maxLine }

    func receive(_ bytes: UnsafeRawBufferPointer) -> [String] {
        partial.withLock { partial in
            var lines: [String] = []
            for byte in bytes {
                if byte != UInt8(ascii: "\n") { partial.append(byte) }
                if byte == UInt8(ascii: "\n") || partial.count >= maxLine { lines.append(Self.line(&partial)) }
            }
            return lines
        }
    }

    /// What is left when the stream ends without a newline.
    func ended() -> [String] { partial.withLock { $0.isEmpty ? [] : [Self.line(&$0)] } }

    private static func line(_ partial: inout [UInt8]) -> String {
        if partial.last == UInt8(ascii: "\r") { partial.removeLast() }
        defer { partial.removeAll(keepingCapacity: true) }
        return String(decoding: partial, as: UTF8.self)
    }
}
