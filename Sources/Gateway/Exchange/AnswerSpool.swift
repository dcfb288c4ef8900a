import NIOCore
import NIOPosix
import Sockets

/// What of an answer waits for a slow client past what its transport holds in memory: an unlinked file, written off the
/// loop. So a worker is free as soon as it has written its answer, up to `response_buffer_high_watermark`.
///
/// When the disk takes no more, what could not be written stays in memory, and `isFull` makes the worker wait: a full disk
/// costs speed, never a byte of an answer.
struct AnswerSpool {
    /// What a transport holds before parts go to the file.
    static let memoryLimit = 128 * 1024

    private var file: BodyFile?
    /// Bytes that were ever put here, and of them, how many went to the transport.
    private var length = 0
    private var sent = 0
    /// Parts that are not known to be in the file, oldest first.
    private var unwritten: ContiguousArray<ByteBuffer> = []
    private var isRefused = false
    private var hasFailed = false
    private var heldDisk = 0
    private let budget: BufferBudget

    init(budget: BufferBudget) { self.budget = budget }

    var isEmpty: Bool { sent == length }
    /// Bytes that wait here.
    var count: Int { length - sent }
    /// Bytes that the file has, sent or not: it becomes shorter only by being given up, once all of it is sent.
    var size: Int { length }
    /// The disk takes no more, or is behind.
    var isFull: Bool { isRefused || (file?.pendingBytes ?? 0) > RequestBody.pendingLimit }

    /// False when the disk did not take it. `written` runs for each part that is written, or not.
    mutating func append(
        _ bytes: UnsafeRawBufferPointer, directory: String, eventLoop: SocketLoop, threads: NIOThreadPool,
        written: @escaping (Bool) -> Void
    ) -> Bool {
        let part = ByteBuffer(bytes: bytes)
        length += bytes.count
        unwritten.append(part)
        guard !isRefused, budget.takeDisk(bytes.count) else {
            isRefused = true
            return false
        }
        heldDisk += bytes.count
        if file == nil { file = try? BodyFile(directory: directory, eventLoop: eventLoop, threads: threads) }
        guard let file else {
            isRefused = true
            return false
        }
        file.append(part, done: written)
        return true
    }

    mutating func partWritten(_ isWritten: Bool) {
        // Already given up with its connection.
        guard !unwritten.isEmpty else { return }
        if isWritten, !hasFailed {
            unwritten.removeFirst()
        } else {
            hasFailed = true
            isRefused = true
        }
    }

    enum Piece {
        case file(UnlinkedFile, from: Int, count: Int)
        case memory(ByteBuffer)
    }

    /// What goes to the transport next, which has room; nil when nothing is there, or it is still on its way to the disk.
    mutating func next() -> Piece? {
        let onDisk = length - unwritten.reduce(0) { $0 + $1.readableBytes }
        if let file, sent < onDisk {
            defer { moved(to: onDisk) }
            return .file(file.file, from: sent, count: onDisk - sent)
        }
        // What the disk did not take is still here.
        guard isRefused, file?.pendingWrites ?? 0 == 0, !unwritten.isEmpty else { return nil }
        let part = unwritten.removeFirst()
        moved(to: sent + part.readableBytes)
        return .memory(part)
    }

    private mutating func moved(to place: Int) {
        sent = place
        if isEmpty { discard() }
    }

    mutating func discard() {
        file = nil
        length = 0
        sent = 0
        unwritten = []
        isRefused = false
        hasFailed = false
        budget.returnDisk(heldDisk)
        heldDisk = 0
    }
}
