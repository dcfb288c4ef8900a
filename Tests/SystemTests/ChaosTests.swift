import AdminAPI
import Foundation
import Glibc
import Linux
import Model
import Synchronization
import Testing

extension SystemTests {
    /// Whatever happens to its workers, a server has as many again soon, and leaves nothing behind.
    ///
    /// Each fault once, in an order of chance; for five minutes with `PASSENGER_LONG_TESTS=1`.
    @Suite(.serialized) struct ChaosTests {
        private static let isLong = ProcessInfo.processInfo.environment["PASSENGER_LONG_TESTS"] == "1"
        private static let workers = 3

        private enum Fault: CaseIterable {
            case kill, stop, leave, hang, bomb, memory, processLimit
        }

        @Test(.timeLimit(.minutes(isLong ? 30 : 6)))
        func `workers that are killed, stopped, hung, or greedy are replaced`() throws {
            let place = try Place()
            let server = try start(in: place)
            let seed = UInt64.random(in: 0 ... .max)
            print("seed \(seed)")
            var random = SeededGenerator(seed: seed)
            let end = monotonicNow() + .seconds(300)
            repeat {
                for fault in Fault.allCases.shuffled(using: &random) {
                    let began = monotonicNow()
                    try inflict(fault, on: server)
                    try waitUntilWhole(server, after: "\(fault)")
                    print("\(fault): whole again after \((monotonicNow() - began).inMilliseconds) ms")
                }
            } while Self.isLong && monotonicNow() < end
            try server.stop()
            // Those in sessions of their own too.
            try eventually("the end of all", evidence: { server.log }) { processes(mentioning: place.path).isEmpty }
        }

        /// App and core as users of their own, so that `ulimit -u` counts nobody else's processes.
        private func start(in place: Place) throws -> TestServer {
            let directory = "\(place.path)/app"
            try FileManager.default.copyItem(atPath: "\(SourceTree.path)/Tests/apps/greedy", toPath: directory)
            if OtherUsers.areThere { try OtherUsers.own(directory, by: OtherUsers.app) } else { AppUser.own(directory) }
            let server = TestServer(directory, in: place)
            let count = "\(Self.workers)"
            try server.start(
                [
                    "--min-instances", count, "--max-pool-size", count, "--max-request-time", "4s",
                    "--stop-timeout", "1s", "--start-timeout", "20s", "--hard-memory-limit", "200MB",
                ] + (OtherUsers.areThere ? ["--core-user", OtherUsers.stranger] : []),
                behind: OtherUsers.areThere ? ["prlimit", "--nproc=60:60"] : [])
            try server.waitUntilServing(workers: Self.workers)
            return server
        }

        private func inflict(_ fault: Fault, on server: TestServer) throws {
            let victim = try #require(try server.workers().randomElement()?.pid)
            switch fault {
            case .kill: Glibc.kill(victim, SIGKILL)
            case .stop:
                Glibc.kill(victim, SIGSTOP)
                defer { Glibc.kill(victim, SIGCONT) }
                // Nothing tells that it stands still, until it does not answer: one request for each worker.
                let slow = try (0..<Self.workers).map { _ in
                    let connection = try HTTPConnection(port: server.port)
                    try connection.send("GET /slow?seconds=0.3 HTTP/1.1\r\nHost: test\r\n\r\n")
                    return connection
                }
                // The one that it was given and did not read goes to another, if that has room in time.
                let answers = try slow.map { try $0.readAnswer().status }.sorted()
                #expect(answers == [200, 200, 200] || answers == [200, 200, 504])
            case .leave: #expect(try server.get("/leave").status == 502)
            case .hang: #expect(try server.get("/hang").status == 504)
            case .bomb:
                #expect(try server.get("/bomb?n=20&seconds=100").line == "20 none")
                Glibc.kill(victim, SIGKILL)
            case .memory:
                let greedy = try #require(Int32(try server.get("/grow?mb=300").line))
                try eventually("the end of the greedy one", within: .seconds(45), evidence: { server.log }) {
                    !isRunning(greedy) && server.log.contains("hard_memory_limit is 200 MB")
                }
            case .processLimit:
                guard OtherUsers.areThere else { return }
                let answer = try server.get("/bomb?n=200&seconds=10&again=yes").line
                #expect(answer.hasSuffix("Resource temporarily unavailable"), "\(answer)")
                // Not one more can be started for a while, which is longer than a boot is put off after many deaths.
                for pid in try server.workers().compactMap(\.pid) { Glibc.kill(pid, SIGKILL) }
                try eventually("a boot that is refused", evidence: { server.log }) { server.log.contains("ulimit -u") }
            }
        }

        private func waitUntilWhole(_ server: TestServer, after what: String) throws {
            // Deaths one after the other are replaced more and more slowly.
            try eventually("\(Self.workers) workers after \(what)", within: .seconds(120), evidence: { server.log }) {
                guard let workers = try? server.workers() else { return false }
                return workers.count == Self.workers && workers.compactMap(\.pid).allSatisfy(isRunning)
            }
            for _ in 0..<Self.workers { #expect(try server.get("/").status == 200) }
        }
    }
}

/// SplitMix64: a test's choices again from its seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
