import NIOCore
import NIOPosix
import Sockets

/// A request body while it is collected, and until it was sent: 128 KiB in memory, then a file.
///
/// The whole body is there before a worker is claimed, so a slow upload holds no worker; and it can be sent again when
/// the retry rule allows it.
struct RequestBody {
    static let memoryLimit = 128 * 1024
    /// Bytes on their way to the disk past which the client is not read.
    static let pendingLimit = 1024 * 1024
    static let pendingWriteLimit = 64

    enum Appended { case stored, writing, full(disk: Bool) }

    private(set) var memory = ByteBuffer()
    private(set) var file: BodyFile?
    private(set) var length = 0
    private var heldMemory = 0
    private var heldDisk = 0
    private let budget: BufferBudget

    init(budget: BufferBudget) { self.budget = budget }

    var isEmpty: Bool { length == 0 }
    var isWriting: Bool { (file?.pendingBytes ?? 0) > 0 }
    var mustPause: Bool {
        guard let file else { return false }
        return file.pendingBytes > Self.pendingLimit || file.pendingWrites > Self.pendingWriteLimit
    }

    /// `written` runs when a part reached the file (or failed to).
    mutating func append(
        _ bytes: UnsafeRawBufferPointer, directory: String, eventLoop: SocketLoop, threads: NIOThreadPool,
        written: @escaping (Bool) -> Void
    ) -> Appended {
        length += bytes.count
        if let file {
            guard budget.takeDisk(bytes.count) else { return .full(disk: true) }
            heldDisk += bytes.count
            file.append(ByteBuffer(bytes: bytes), done: written)
            return .writing
        }
        if memory.readableBytes + bytes.count <= Self.memoryLimit {
            guard budget.takeMemory(bytes.count) else { return .full(disk: false) }
            heldMemory += bytes.count
            memory.writeBytes(bytes)
            return .stored
        }
        guard budget.takeDisk(memory.readableBytes + bytes.count) else { return .full(disk: true) }
        heldDisk += memory.readableBytes + bytes.count
        guard let file = try? BodyFile(directory: directory, eventLoop: eventLoop, threads: threads) else {
            return .full(disk: true)
        }
        if memory.readableBytes > 0 { file.append(memory, done: written) }
        file.append(ByteBuffer(bytes: bytes), done: written)
        self.file = file
        memory = ByteBuffer()
        budget.returnMemory(heldMemory)
        heldMemory = 0
        return .writing
    }

    /// Frees memory, file and budget.
    mutating func discard() {
        if length == 0, heldDisk == 0 { return }
        memory = ByteBuffer()
        file = nil
        length = 0
        budget.returnMemory(heldMemory)
        budget.returnDisk(heldDisk)
        heldMemory = 0
        heldDisk = 0
    }
}
