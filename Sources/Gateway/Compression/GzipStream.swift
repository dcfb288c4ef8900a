import CZlib

package enum GzipFailure: Error, Equatable, CustomStringConvertible {
    /// The stream has been finished.
    case finished
    /// zlib's own code: its state is broken, or it is not the library that was built against.
    case zlib(Int32)

    package var description: String {
        switch self {
        case .finished: "its stream has ended"
        case .zlib(let code): "zlib error \(code)"
        }
    }
}

package enum GzipFlush: Sendable {
    /// zlib keeps what it likes, for a better ratio.
    case none
    /// All input so far can be decompressed from the output so far. For whenever an app pauses.
    case sync
    /// The end: nothing may follow.
    case finish
}

/// One answer's compression. Of one thread; about 210 KiB, which are freed with it.
package final class GzipStream {
    /// Measured on HTML of 20 to 160 KiB: 10 to 16 % less output than level 1 for 15 to 95 % more time; level 5 takes another
    /// 18 to 34 % for 1 to 5 %.
    private static let level: Int32 = 4
    /// 32 KiB. Half of it makes 160 KiB of HTML 9 % larger.
    private static let windowBits: Int32 = 15
    /// 7 instead of 8 saves 64 KiB and costs under half a percent.
    private static let memoryLevel: Int32 = 7
    private static let outputSize = 16 << 10
    package static let longestPadding = 255

    /// On the heap: zlib remembers where its stream lies, and where the header does.
    private let stream: UnsafeMutablePointer<z_stream>
    private let header: UnsafeMutablePointer<gz_header>
    private let comment: UnsafeMutablePointer<UInt8>
    private let output: UnsafeMutablePointer<UInt8>
    private let budget: GzipBudget
    package private(set) var isFinished = false

    /// Nil when there are as many streams as there may be, or no memory.
    init?(budget: GzipBudget) {
        guard budget.take() else { return nil }
        self.budget = budget
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        header = .allocate(capacity: 1)
        header.initialize(to: gz_header())
        comment = .allocate(capacity: Self.longestPadding + 1)
        comment.initialize(repeating: UInt8(ascii: "x"), count: Self.longestPadding + 1)
        output = .allocate(capacity: Self.outputSize)
        let result = passenger_deflate_init_gzip(stream, Self.level, Self.windowBits, Self.memoryLevel)
        // deinit runs then too: deflateEnd does nothing to a stream that has no state.
        if result != Z_OK { return nil }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
        header.deallocate()
        comment.deallocate()
        output.deallocate()
        budget.giveBack()
    }

    /// As new. `padding` bytes of comment stand in gzip's header, up to `longestPadding`: no reader shows them, and the
    /// answer's length tells less about its content.
    func start(padding: Int) -> Bool {
        guard deflateReset(stream) == Z_OK else { return false }
        isFinished = false
        let padding = max(0, min(padding, Self.longestPadding))
        comment.update(repeating: UInt8(ascii: "x"), count: Self.longestPadding)
        comment[padding] = 0
        header.pointee = gz_header()
        // Unknown: nobody needs to know what we run on.
        header.pointee.os = 255
        header.pointee.comment = padding > 0 ? comment : nil
        return deflateSetHeader(stream, header) == Z_OK
    }

    /// Takes all of `input` and hands over what comes out of it, in parts of at most 16 KiB, maybe none. The parts are valid
    /// during the call only. After a failure the answer cannot be completed.
    package func compress(
        _ input: UnsafeRawBufferPointer, flush: GzipFlush, _ receive: (UnsafeRawBufferPointer) -> Void
    ) throws(GzipFailure) {
        guard !isFinished else { throw .finished }
        // zlib counts in 32 bits.
        let step = 1 << 30
        var start = 0
        while input.count - start > step {
            try run(UnsafeRawBufferPointer(rebasing: input[start..<(start + step)]), Z_NO_FLUSH, receive)
            start += step
        }
        let rest = UnsafeRawBufferPointer(rebasing: input[start...])
        switch flush {
        case .none where rest.isEmpty: break
        case .none: try run(rest, Z_NO_FLUSH, receive)
        case .sync: try run(rest, Z_SYNC_FLUSH, receive)
        case .finish: try run(rest, Z_FINISH, receive)
        }
    }

    private func run(
        _ input: UnsafeRawBufferPointer, _ flush: Int32, _ receive: (UnsafeRawBufferPointer) -> Void
    ) throws(GzipFailure) {
        // zlib's interface is older than const; it only reads.
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(input.count)
        defer {
            stream.pointee.next_in = nil
            stream.pointee.avail_in = 0
        }
        var result = Z_OK
        repeat {
            stream.pointee.next_out = output
            stream.pointee.avail_out = UInt32(Self.outputSize)
            result = deflate(stream, flush)
            // Z_BUF_ERROR: there was nothing to do, a second flush for instance.
            guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else { throw .zlib(result) }
            let count = Self.outputSize - Int(stream.pointee.avail_out)
            if count > 0 { receive(UnsafeRawBufferPointer(start: output, count: count)) }
        } while result == Z_OK && (stream.pointee.avail_out == 0 || flush == Z_FINISH)
        if result == Z_STREAM_END { isFinished = true }
    }
}
