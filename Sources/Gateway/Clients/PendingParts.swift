import Glibc
import NIOCore
import Sockets

/// What of an answer waits until its transport takes more, where no sendfile(2) helps. Files are read when their turn has
/// come, and only a piece at a time: an answer may be larger than our memory.
struct PendingParts {
    private enum Part {
        case bytes(ByteBuffer)
        case file(any SendableFile, offset: Int, count: Int)
    }

    enum Next {
        case empty
        case piece(ByteBuffer)
        /// The file has become shorter than was promised, or cannot be read: nobody can say what belongs here.
        case failed
    }

    private static let pieceSize = 64 << 10

    private var parts: ContiguousArray<Part> = []
    private var head = 0
    private(set) var byteCount = 0
    /// Of `byteCount`, what is in files.
    private(set) var fileByteCount = 0

    var isEmpty: Bool { head == parts.count }

    mutating func append(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0 else { return }
        byteCount += bytes.readableBytes
        parts.append(.bytes(bytes))
    }

    mutating func append(_ file: any SendableFile, from offset: Int, count: Int) {
        guard count > 0 else { return }
        byteCount += count
        fileByteCount += count
        parts.append(.file(file, offset: offset, count: count))
    }

    mutating func next() -> Next {
        guard !isEmpty else { return .empty }
        switch parts[head] {
        case .bytes(let bytes):
            dropFirst(bytes.readableBytes)
            return .piece(bytes)
        case .file(let file, let offset, let count):
            guard let piece = Self.read(file.descriptor, offset, min(count, Self.pieceSize)) else { return .failed }
            byteCount -= piece.readableBytes
            fileByteCount -= piece.readableBytes
            if piece.readableBytes < count {
                parts[head] = .file(
                    file, offset: offset + piece.readableBytes, count: count - piece.readableBytes)
            } else {
                dropFirst(0)
            }
            return .piece(piece)
        }
    }

    private mutating func dropFirst(_ bytes: Int) {
        byteCount -= bytes
        head += 1
        if head == parts.count { removeAll() } else { parts[head - 1] = .bytes(ByteBuffer()) }
    }

    mutating func removeAll() {
        parts.removeAll()
        head = 0
        byteCount = 0
        fileByteCount = 0
    }

    private static func read(_ descriptor: Int32, _ offset: Int, _ count: Int) -> ByteBuffer? {
        var piece = ByteBuffer()
        piece.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
            var got = -1
            repeat { got = pread(descriptor, memory.baseAddress, count, off_t(offset)) } while got < 0 && errno == EINTR
            return max(0, got)
        }
        return piece.readableBytes > 0 ? piece : nil
    }
}
