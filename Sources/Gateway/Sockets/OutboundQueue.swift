import NIOCore

/// A file that parts of an answer or a request are sent from. Its descriptor stays open as long as the object lives.
package protocol SendableFile: AnyObject {
    var descriptor: Int32 { get }
}

/// What a socket could not send at once.
struct OutboundQueue {
    enum Part {
        case bytes(ByteBuffer)
        case file(any SendableFile, offset: Int, count: Int)
    }

    /// Small pieces are put together up to this many bytes: one system call for many chunks.
    private static let pieceSize = 64 * 1024

    private var parts: ContiguousArray<Part> = []
    private var head = 0
    private(set) var byteCount = 0
    /// Of `byteCount`, what is in files.
    private(set) var fileByteCount = 0

    var isEmpty: Bool { byteCount == 0 }
    var first: Part? { head < parts.count ? parts[head] : nil }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        byteCount += bytes.count
        if parts.count > head, case .bytes(var last) = parts[parts.count - 1], last.readableBytes < Self.pieceSize {
            // Taken out while it grows: a second reference would make it be copied.
            parts[parts.count - 1] = .bytes(ByteBuffer())
            last.writeBytes(bytes)
            parts[parts.count - 1] = .bytes(last)
            return
        }
        parts.append(.bytes(ByteBuffer(bytes: bytes)))
    }

    mutating func append(_ file: any SendableFile, from offset: Int, count: Int) {
        byteCount += count
        fileByteCount += count
        parts.append(.file(file, offset: offset, count: count))
    }

    /// At most as many as the first part has.
    mutating func dropFirst(_ count: Int) {
        byteCount -= count
        switch parts[head] {
        case .bytes(var bytes):
            bytes.moveReaderIndex(forwardBy: count)
            if bytes.readableBytes > 0 { return parts[head] = .bytes(bytes) }
        case .file(let file, let offset, let length):
            fileByteCount -= count
            if length > count { return parts[head] = .file(file, offset: offset + count, count: length - count) }
        }
        head += 1
        if head == parts.count { removeAll() }
    }

    mutating func removeAll() {
        parts.removeAll()
        head = 0
        byteCount = 0
        fileByteCount = 0
    }
}
