import Glibc
import Linux
import NIOCore
import Synchronization
import Testing

@testable import Sockets

@Suite("Event loops", .timeLimit(.minutes(5)))
struct SocketLoopTests {
    @Test("tasks from other threads run in their order, on the loop")
    func tasks() async throws {
        let group = try SocketLoopGroup(count: 1)
        let loop = group.loops[0]
        let seen = Mutex<[Int]>([])
        for number in 0..<1000 { loop.execute { seen.withLock { $0.append(loop.inEventLoop ? number : -1) } } }
        try await loop.submit {}.get()
        #expect(seen.withLock { $0 } == Array(0..<1000))
        #expect(!loop.inEventLoop)
        try await group.shutdownGracefully()
    }

    @Test("timers run by their deadlines, cancelled ones never")
    func timers() async throws {
        let group = try SocketLoopGroup(count: 1)
        let loop = group.loops[0]
        let seen = Mutex<[Int]>([])
        let start = NIODeadline.now()
        // On the loop, by one clock reading: none is due before all are there, and one is cancelled, however late this runs.
        let (tasks, cancelled) = try await loop.submit {
            let tasks = [30, 10, 20].map { delay in
                loop.scheduleTask(deadline: start + .milliseconds(Int64(delay))) { seen.withLock { $0.append(delay) } }
            }
            let cancelled = loop.scheduleTask(deadline: start + .milliseconds(5)) { seen.withLock { $0.append(5) } }
            cancelled.cancel()
            return (tasks, cancelled)
        }.get()
        for task in tasks { try await task.futureResult.get() }
        await #expect(throws: EventLoopError.self) { try await cancelled.futureResult.get() }
        #expect(seen.withLock { $0 } == [10, 20, 30])
        #expect(NIODeadline.now() - start >= .milliseconds(30))
        try await group.shutdownGracefully()
    }

    @Test("random timers come out of the heap in order")
    func heap() {
        var random = SystemRandomNumberGenerator()
        var timers = LoopTimers()
        for _ in 0..<2000 {
            _ = timers.add(.uptimeNanoseconds(UInt64.random(in: 0..<1_000_000, using: &random))) {}
        }
        var last = NIODeadline.uptimeNanoseconds(0)
        var count = 0
        while let next = timers.next {
            #expect(next >= last)
            last = next
            count += timers.takeDue(next).count
        }
        #expect(count == 2000)
    }

    private func listen() throws -> (descriptor: Int32, port: UInt16) {
        let socket = try bindTCP(host: "127.0.0.1", port: 0, sharesPort: false)
        try startListening(socket.number, backlog: 16, subject: "test")
        let port = try boundPort(socket.number)
        return (socket.release(), port)
    }

    @Test("a listener that is given up takes what waits on it before it closes")
    func waiting() async throws {
        let group = try SocketLoopGroup(count: 1)
        let loop = group.loops[0]
        let (number, port) = try listen()
        let accepted = Mutex(0)
        try await loop.submit {
            let socket = try ListeningSocket(
                Descriptor(owning: number), loop: loop, accepted: { _ in accepted.withLock { $0 += 1 } },
                failed: { _ in })
            // The loop is here, and not at its listener.
            for _ in 0..<3 { _ = try connectTCP(port) }
            socket.acceptWaiting()
            socket.close()
        }.get()
        #expect(accepted.withLock { $0 } == 3)
        try await group.shutdownGracefully()
    }

    @Test("a listener rests when descriptors run short, and goes on when there are some again")
    func reserve() async throws {
        let group = try SocketLoopGroup(count: 1)
        let loop = group.loops[0]
        let (number, port) = try listen()
        let seen = Mutex((accepted: 0, rests: 0, looks: 0, isShort: true))
        try await loop.submit {
            _ = try ListeningSocket(
                Descriptor(owning: number), loop: loop, accepted: { _ in seen.withLock { $0.accepted += 1 } },
                isLast: { _ in
                    seen.withLock {
                        $0.looks += 1
                        return $0.isShort && $0.accepted >= 2
                    }
                },
                failed: { error in
                    #expect(error.errno == EMFILE)
                    seen.withLock { $0.rests += 1 }
                })
        }.get()
        let clients = try (0..<5).map { _ in try connectTCP(port) }
        #expect(await eventually { seen.withLock { $0.rests } == 1 })
        // Once for each connection, and again after each of two more rests (or more: whoever counts may be late).
        #expect(await eventually { seen.withLock { $0.looks } >= 4 })
        #expect(seen.withLock { $0.accepted == 2 && $0.rests == 1 })
        seen.withLock { $0.isShort = false }
        #expect(await eventually { seen.withLock { $0.accepted } == clients.count })
        #expect(seen.withLock { $0.rests } == 1)
        try await group.shutdownGracefully()
    }

    @Test(
        "of what a process may open, an eighth is not for clients, unless there are few of them",
        arguments: [
            (200, 175, 25), (100, 84, 16), (1024, 896, 128), (1 << 20, (1 << 20) - 1024, 1024),
        ])
    func reserve(limit: Int, first: Int32, size: Int) {
        let reserve = DescriptorReserve(limit: limit)
        #expect(!reserve.isTouched(by: first - 1, clients: limit))
        #expect(reserve.isTouched(by: first, clients: size))
        #expect(!reserve.isTouched(by: first, clients: size - 1))
        #expect(!DescriptorReserve(limit: .max).isTouched(by: .max, clients: .max))
    }

    @Test("a loop that ends closes its sockets and tells their owners")
    func end() async throws {
        let group = try SocketLoopGroup(count: 1)
        let (near, far) = try socketPair()
        let owner = try await Recorder.attach(near, to: group.loops[0])
        try await group.shutdownGracefully()
        #expect(owner.ends == [.local])
        close(far)
    }
}

@Suite("Stream sockets", .timeLimit(.minutes(5)))
struct StreamSocketTests {
    @Test("what does not fit waits, in order, and its end is told once")
    func waiting() async throws {
        try await withSocket { owner, loop, peer in
            let pattern = (0..<(4 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            try await loop.submit {
                pattern.withUnsafeBytes { bytes in
                    owner.socket?.send(UnsafeRawBufferPointer(rebasing: bytes[..<1000]))
                    owner.socket?.send(
                        UnsafeRawBufferPointer(rebasing: bytes[1000..<2000]),
                        UnsafeRawBufferPointer(rebasing: bytes[2000...]))
                }
                #expect((owner.socket?.queuedBytes ?? 0) > 0)
            }.get()
            let received = readFully(peer, pattern.count)
            #expect(received == pattern)
            #expect(await eventually { owner.drains == 1 })
            try await loop.submit { #expect(owner.socket?.queuedBytes == 0) }.get()
        }
    }

    @Test("a part of a file goes out between bytes")
    func file() async throws {
        let file = try openUnnamedFile(in: "/tmp")
        let content = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        #expect(content.withUnsafeBytes { pwrite(file.number, $0.baseAddress!, $0.count, 0) } == content.count)
        let sent = TestFile(file.release())
        try await withSocket { owner, loop, peer in
            try await loop.submit {
                Array("<".utf8).withUnsafeBytes { owner.socket?.send($0) }
                owner.socket?.send(sent, from: 5, count: content.count - 5)
                Array(">".utf8).withUnsafeBytes { owner.socket?.send($0) }
            }.get()
            let received = readFully(peer, content.count - 3)
            #expect(received == Array("<".utf8) + content[5...] + Array(">".utf8))
        }
    }

    @Test("a file that has become shorter ends the connection")
    func shortFile() async throws {
        let file = try openUnnamedFile(in: "/tmp")
        let sent = TestFile(file.release())
        try await withSocket { owner, loop, _ in
            try await loop.submit { owner.socket?.send(sent, from: 0, count: 100) }.get()
            #expect(owner.ends == [.failed(EIO)])
        }
    }

    @Test("a paused socket reads nothing, and everything once it is resumed")
    func pausing() async throws {
        try await withSocket { owner, loop, peer in
            try await loop.submit { owner.socket?.pauseReading() }.get()
            let text = Array("hello".utf8)
            #expect(write(peer, text, text.count) == text.count)
            // Two turns of the loop: the event came in the first.
            for _ in 0..<2 { try await loop.submit {}.get() }
            #expect(owner.received.isEmpty)
            try await loop.submit {
                owner.socket?.resumeReading()
                #expect(owner.received.isEmpty, "nothing is read before this returns")
            }.get()
            #expect(await eventually { owner.received == text })
        }
    }

    @Test("the peer's end comes after its last bytes, a reset as a failure")
    func ends() async throws {
        try await withSocket { owner, _, peer in
            let text = Array("bye".utf8)
            #expect(write(peer, text, text.count) == text.count)
            shutdown(peer, Int32(SHUT_WR))
            #expect(await eventually { owner.ends == [.peer] })
            #expect(owner.received == text)
        }
        try await withSocket { owner, loop, peer in
            // Closing with unread bytes resets a Unix socket's peer.
            try await loop.submit { Array("x".utf8).withUnsafeBytes { owner.socket?.send($0) } }.get()
            let closing = dup(peer)
            close(closing)
            shutdown(peer, Int32(SHUT_RDWR))
            #expect(await eventually { owner.ends.count == 1 })
        }
    }

    @Test("our end follows what was sent")
    func output() async throws {
        try await withSocket { owner, loop, peer in
            try await loop.submit {
                [UInt8](repeating: 7, count: 1 << 20).withUnsafeBytes { owner.socket?.send($0) }
                owner.socket?.endOutput()
            }.get()
            #expect(readFully(peer, (1 << 20) + 1).count == 1 << 20)
            #expect(await eventually { owner.drains == 1 })
        }
    }

    @Test("a connection to nobody fails, at once or later")
    func refused() async throws {
        let group = try SocketLoopGroup(count: 1)
        let loop = group.loops[0]
        let owner = Recorder()
        let free = try bindTCP(host: "127.0.0.1", port: 0, sharesPort: false)
        let port = Int(try boundPort(free.number))
        try await loop.submit {
            if case .failed(let number) = StreamSocket.connect(unix: "/nowhere", loop: loop, owner: owner) {
                #expect(number == ENOENT)
            } else {
                Issue.record("connected to nothing")
            }
            switch StreamSocket.connect(port: port, loop: loop, owner: owner) {
            case .failed(let number): #expect(number == ECONNREFUSED)
            case .pending(let socket): owner.socket = socket
            case .connected: Issue.record("connected to a port on which nobody listens")
            }
        }.get()
        #expect(await eventually { owner.socket == nil || owner.ends == [.failed(ECONNREFUSED)] })
        try await group.shutdownGracefully()
        withExtendedLifetime(free.number) {}
    }

    private func withSocket(
        _ body: @Sendable (Recorder, SocketLoop, Int32) async throws -> Void
    ) async throws {
        let group = try SocketLoopGroup(count: 1)
        let (near, far) = try socketPair()
        let owner = try await Recorder.attach(near, to: group.loops[0])
        try await body(owner, group.loops[0], far)
        try await group.shutdownGracefully()
        close(far)
    }
}

/// The client's end is closed again when it is let go of.
private func connectTCP(_ port: UInt16) throws -> TestFile {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let result = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard result == 0 else { throw SystemError(call: "connect", errno: errno) }
    return TestFile(socket)
}
