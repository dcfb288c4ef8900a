import CZlib
import Glibc

/// Bytes, one piece after the other.
protocol ByteSource {
    /// At least one, at most `count`; none at the end.
    mutating func read(_ count: Int) throws(BuilderFailure) -> [UInt8]
}

/// A descriptor, borrowed.
struct DescriptorSource: ByteSource {
    let descriptor: Int32

    func read(_ count: Int) throws(BuilderFailure) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        while true {
            let got = Glibc.read(descriptor, &buffer, count)
            if got >= 0 { return Array(buffer[..<got]) }
            guard errno == EINTR else { throw .system(errno, "read the archive") }
        }
    }
}

/// An archive as it came: compressed by gzip (RFC 1952) when its first two bytes say so. Never more than so many bytes come
/// out of it, whatever went in.
final class ArchiveSource: ByteSource {
    private static let piece = 64 << 10
    private var source: any ByteSource
    private let most: Int
    private var given = 0
    private var pending: [UInt8] = []
    private var isStarted = false
    /// On the heap: zlib remembers where its stream lies.
    private var stream: UnsafeMutablePointer<z_stream>?
    private var isOver = false

    init(_ source: any ByteSource, most: Int) {
        self.source = source
        self.most = most
    }

    deinit {
        guard let stream else { return }
        inflateEnd(stream)
        stream.deallocate()
    }

    func read(_ count: Int) throws(BuilderFailure) -> [UInt8] {
        if !isStarted { try start() }
        while pending.isEmpty, !isOver { try fill() }
        let bytes = Array(pending.prefix(count))
        pending.removeFirst(bytes.count)
        given += bytes.count
        guard given <= most else {
            throw BuilderFailure(
                .refusedTree, "the archive holds more than \(most >> 20) MiB, which is the most that is taken")
        }
        return bytes
    }

    private func start() throws(BuilderFailure) {
        isStarted = true
        while pending.count < 2 {
            let more = try source.read(ArchiveSource.piece)
            if more.isEmpty { break }
            pending += more
        }
        guard pending.starts(with: [0x1f, 0x8b]) else { return }
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        self.stream = stream
        guard passenger_inflate_init_gzip(stream) == Z_OK else { throw damaged }
        let input = pending
        pending = []
        try inflate(input, stream)
    }

    private func fill() throws(BuilderFailure) {
        let input = try source.read(ArchiveSource.piece)
        guard let stream else {
            pending = input
            isOver = input.isEmpty
            return
        }
        // Of a whole archive the end is seen by zlib first.
        guard !input.isEmpty else { throw damaged }
        try inflate(input, stream)
    }

    /// A piece of input may become a thousand times as much: it is given out before more is read.
    private func inflate(_ input: [UInt8], _ stream: UnsafeMutablePointer<z_stream>) throws(BuilderFailure) {
        var input = input
        var output = [UInt8](repeating: 0, count: ArchiveSource.piece)
        var result = Z_OK
        input.withUnsafeMutableBufferPointer { input in
            stream.pointee.next_in = input.baseAddress
            stream.pointee.avail_in = UInt32(input.count)
            repeat {
                output.withUnsafeMutableBufferPointer { output in
                    stream.pointee.next_out = output.baseAddress
                    stream.pointee.avail_out = UInt32(output.count)
                    result = CZlib.inflate(stream, Z_NO_FLUSH)
                }
                pending += output[..<(output.count - Int(stream.pointee.avail_out))]
                // No more than the limit is ever held.
            } while result == Z_OK && stream.pointee.avail_out == 0 && given + pending.count <= most
        }
        if result == Z_STREAM_END {
            isOver = true
        } else if result != Z_OK && result != Z_BUF_ERROR {
            throw damaged
        }
    }

    private var damaged: BuilderFailure {
        BuilderFailure(.refusedTree, "the compressed archive is damaged, or ends in the middle")
    }
}
