import AdminAPI
import AdminClient
import Glibc
import Linux
import Model
import Testing

extension SystemTests {
    /// A load balancer needs a moment to notice that a server goes.
    @Suite(.serialized) struct ShutdownDelayTests {
        private func readiness(_ server: TestServer) throws -> Int {
            let record = try #require(server.instance(), "\(server.log)")
            return try AdminClient(socketPath: record.adminSocket).raw("GET", "/readyz", body: []) { _ in }
        }

        @Test(.timeLimit(.minutes(3)))
        func `after TERM requests are answered for shutdown_delay, while readyz says no`() throws {
            let place = try Place()
            let server = try TestServer.serving("python", ["--shutdown-delay", "12"], in: place)
            #expect(try readiness(server) == 200)
            let load = try LoadGenerator(port: server.port, in: place)
            try load.waitForTraffic()

            let began = monotonicNow()
            try #require(server.program).signal(SIGTERM)
            try eventually("readyz to say no", within: .seconds(5), evidence: { server.log }) {
                try readiness(server) == 503
            }
            try load.waitForTraffic()
            let account = try load.stop()
            let stopped = monotonicNow() - began
            try #require(stopped < .seconds(12), "the load has to end before the delay does, not after \(stopped)")
            #expect(account.failures.isEmpty, "\(account)\n\(server.log)")
            let end = try #require(server.program).wait(within: .seconds(60), "the end of the server")
            let life = monotonicNow() - began
            #expect(end.status == 0 && life >= .seconds(12), "\(life)\n\(end.everything)")
        }

        @Test(.timeLimit(.minutes(3)))
        func `a second signal does not wait for the delay`() throws {
            let place = try Place()
            let server = try TestServer.serving("python", ["--shutdown-delay", "60"], in: place)
            let program = try #require(server.program)
            program.signal(SIGTERM)
            try eventually("the delay") { try readiness(server) == 503 }
            let began = monotonicNow()
            program.signal(SIGTERM)
            let end = try program.wait(within: .seconds(60), "the end of the server")
            #expect(end.status == 0 && monotonicNow() - began < .seconds(50), "\(end.everything)")
        }
    }
}
