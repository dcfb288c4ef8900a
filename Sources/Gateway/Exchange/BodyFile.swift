import Glibc
import Linux
import NIOCore
import NIOPosix
import Sockets

/// An unlinked file that holds what of a body is past its share of memory. Writes run on a thread pool, in order, so that a
/// slow disk never stops an event loop; who appends looks at `pendingBytes` and stops when too much is under way.
final class BodyFile {
    private let eventLoop: SocketLoop
    private let threads: NIOThreadPool
    let file: UnlinkedFile
    private(set) var length = 0
    private(set) var pendingBytes = 0
    private(set) var pendingWrites = 0
    private var writes: EventLoopFuture<Void>

    init(directory: String, eventLoop: SocketLoop, threads: NIOThreadPool) throws {
        self.eventLoop = eventLoop
        self.threads = threads
        file = UnlinkedFile(try openUnnamedFile(in: directory), threads: threads)
        writes = eventLoop.makeSucceededVoidFuture()
    }

    /// Appends; `done` runs on the event loop with false when the disk refused.
    func append(_ bytes: ByteBuffer, done: @escaping (Bool) -> Void) {
        let offset = length
        let count = bytes.readableBytes
        length += count
        pendingBytes += count
        pendingWrites += 1
        let file = self.file
        let threads = self.threads
        let eventLoop = self.eventLoop
        writes = writes.flatMap {
            threads.runIfActive(eventLoop: eventLoop) {
                try bytes.withUnsafeReadableBytes { try writeAll(file.descriptor, $0, at: offset) }
            }
        }
        writes.assumeIsolated().whenComplete { result in
            self.pendingBytes -= count
            self.pendingWrites -= 1
            if case .success = result { done(true) } else { done(false) }
        }
    }
}

/// The descriptor of it: open as long as a write or a socket's queue still refers to it, and closed off the event loop,
/// because closing an unlinked file frees its blocks.
final class UnlinkedFile: SendableFile, Sendable {
    let descriptor: Int32
    private let threads: NIOThreadPool

    init(_ descriptor: consuming Descriptor, threads: NIOThreadPool) {
        self.descriptor = descriptor.release()
        self.threads = threads
    }

    deinit {
        let descriptor = self.descriptor
        threads.submit { _ in closeDescriptors([descriptor]) }
    }
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
