import Glibc
import Linux
import Model
import Testing

@testable import Spawning

/// The test plays the supervisor, on the other end of the link's socket.
@Suite(.timeLimit(.minutes(5)))
struct OpenFileTests {
    private let link: SupervisorLink
    private let peer: Int32

    init() throws {
        // Both ends stay open with the process: the link's for good, as it is meant to, the peer's until a test shuts it.
        let pair = try MessageSocket.pair()
        link = SupervisorLink(descriptor: try pair.first.duplicate().release())
        peer = try pair.second.duplicate().release()
        link.start { _ in }
    }

    /// On a thread of its own: the tests' threads are needed by whoever asks.
    private func question() async throws -> String {
        let peer = peer
        return try await withCheckedThrowingContinuation { continuation in
            startThread(name: "peer") {
                continuation.resume(
                    with: Result {
                        let packet = try MessageSocket.receive(peer)
                        guard let packet, case .openFile(let path) = try MessageCodec.decodeCore(packet.bytes) else {
                            return ""
                        }
                        return path
                    })
            }
        }
    }

    private func answer(_ path: String, content: UInt8) throws {
        let file = try makeMemoryFile(name: "key", contents: [content])
        try MessageSocket.send(
            peer, MessageCodec.encode(.fileOpened(path: path, errno: 0)), descriptors: [file.number])
    }

    private func content(_ path: String) async throws -> [UInt8] {
        let number = try await withCheckedThrowingContinuation { continuation in
            link.openFile(path) { continuation.resume(with: $0) }
        }
        let file = Descriptor(owning: number)
        return try readWholeFile(file.number, limit: 10)
    }

    @Test func `the descriptor that the supervisor sends is the caller's`() async throws {
        async let content = content("/a.key")
        #expect(try await question() == "/a.key")
        try answer("/a.key", content: 7)
        #expect(try await content == [7])
        close(peer)
    }

    @Test func `questions for several files are answered each with its own`() async throws {
        async let a = content("/a.key")
        async let b = content("/b.key")
        let first = try await question()
        let second = try await question()
        #expect(Set([first, second]) == ["/a.key", "/b.key"])
        for path in [second, first] { try answer(path, content: path == "/a.key" ? 1 : 2) }
        #expect(try await a == [1])
        #expect(try await b == [2])
        close(peer)
    }

    @Test func `a refusal names the file and the reason`() async throws {
        async let content = content("/a.key")
        #expect(try await question() == "/a.key")
        try MessageSocket.send(peer, MessageCodec.encode(.fileOpened(path: "/a.key", errno: ENOENT)))
        do {
            _ = try await content
            Issue.record("it was refused")
        } catch let error as SystemError {
            #expect(error.errno == ENOENT && error.description.contains("/a.key"))
        }
        close(peer)
    }

    @Test func `nobody waits for a supervisor that is gone`() async throws {
        let asked = Task { try await content("/a.key") }
        #expect(try await question() == "/a.key")
        close(peer)
        await #expect(throws: SystemError.self) { try await asked.value }
        await #expect(throws: SystemError.self) { try await self.content("/b.key") }
    }
}
