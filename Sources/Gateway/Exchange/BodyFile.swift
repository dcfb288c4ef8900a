import Glibc
import Linux
import NIOCore
import NIOPosix

/// An unlinked file that holds a request body past the first 128 KiB. Writes run on a thread pool, in order, so that a
/// slow disk never stops an event loop; the loop stops reading from the client while too much is under way.
final class BodyFile {
    private let eventLoop: any EventLoop
    private let threads: NIOThreadPool
    private let handle: NIOFileHandle
    private(set) var length = 0
    private(set) var pendingBytes = 0
    private(set) var pendingWrites = 0
    private var writes: EventLoopFuture<Void>

    init(directory: String, eventLoop: any EventLoop, threads: NIOThreadPool) throws {
        let descriptor = try openUnnamedFile(in: directory).release()
        self.eventLoop = eventLoop
        self.threads = threads
        handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: descriptor)
        writes = eventLoop.makeSucceededVoidFuture()
    }

    deinit {
        // A write may still be under way: the descriptor is closed after it, and not on the event loop, because closing
        // an unlinked file frees its blocks.
        let handle = self.handle
        let threads = self.threads
        writes.whenComplete { _ in
            threads.submit { _ in try? handle.close() }
        }
    }

    /// Appends; `done` runs on the event loop with false when the disk refused.
    func append(_ bytes: ByteBuffer, done: @escaping (Bool) -> Void) {
        let offset = length
        let count = bytes.readableBytes
        length += count
        pendingBytes += count
        pendingWrites += 1
        let handle = self.handle
        let threads = self.threads
        let eventLoop = self.eventLoop
        writes = writes.flatMap {
            threads.runIfActive(eventLoop: eventLoop) {
                try handle.withUnsafeFileDescriptor { descriptor in
                    try bytes.withUnsafeReadableBytes { try writeAll(descriptor, $0, at: offset) }
                }
            }
        }
        writes.assumeIsolated().whenComplete { result in
            self.pendingBytes -= count
            self.pendingWrites -= 1
            if case .success = result { done(true) } else { done(false) }
        }
    }

    /// What sendfile(2) sends; the file stays owned by this object, which must outlive the write.
    func region() -> FileRegion { FileRegion(fileHandle: handle, readerIndex: 0, endIndex: length) }
}

private func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
    var done = 0
    while done < bytes.count {
        let count = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
        if count < 0 {
            if errno == EINTR { continue }
            throw IOError(errnoCode: errno, reason: "write a buffer file")
        }
        done += count
    }
}
