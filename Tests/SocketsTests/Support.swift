import Glibc
import Linux
import NIOCore
import Synchronization

@testable import Sockets

/// Writes down what its socket tells. `@unchecked Sendable`: `socket` is used on its loop only, the rest is behind a lock.
final class Recorder: StreamSocketOwner, @unchecked Sendable {
    private struct State {
        var received: [UInt8] = []
        var drains = 0
        var ends: [SocketEnd] = []
    }
    private let state = Mutex(State())
    var socket: StreamSocket?

    static func attach(_ descriptor: Int32, to loop: SocketLoop) async throws -> Recorder {
        let owner = Recorder()
        try await loop.submit {
            owner.socket = try StreamSocket(Descriptor(owning: descriptor), loop: loop, owner: owner)
        }.get()
        return owner
    }

    var received: [UInt8] { state.withLock { $0.received } }
    var drains: Int { state.withLock { $0.drains } }
    var ends: [SocketEnd] { state.withLock { $0.ends } }

    func socketReceived(_ bytes: UnsafeRawBufferPointer) { state.withLock { $0.received.append(contentsOf: bytes) } }
    func socketDrained() { state.withLock { $0.drains += 1 } }
    func socketClosed(_ end: SocketEnd) { state.withLock { $0.ends.append(end) } }
}

final class TestFile: SendableFile, Sendable {
    let descriptor: Int32
    init(_ descriptor: Int32) { self.descriptor = descriptor }
    deinit { close(descriptor) }
}

/// A non-blocking near end, a blocking far end; whoever asked closes them.
func socketPair() throws -> (near: Int32, far: Int32) {
    var pair: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0 else { throw SystemError(call: "socketpair") }
    _ = fcntl(pair[0], F_SETFL, O_NONBLOCK)
    return (pair[0], pair[1])
}

/// Blocks until so many bytes came, or the peer's end.
func readFully(_ fd: Int32, _ count: Int) -> [UInt8] {
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    while all.count < count {
        let got = read(fd, &chunk, min(chunk.count, count - all.count))
        if got <= 0 { break }
        all.append(contentsOf: chunk[..<got])
    }
    return all
}

/// Looks again and again, for thirty seconds at most.
func eventually(_ holds: () -> Bool) async -> Bool {
    for _ in 0..<3000 {
        if holds() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return holds()
}
