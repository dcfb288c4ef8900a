import AdminAPI
import Foundation
import Testing

extension SystemTests {
    /// What strains a server by way of HTTP/2 only, against the built program.
    @Suite(.serialized) struct HTTP2StrainTests {
        private static let isLong = ProcessInfo.processInfo.environment["PASSENGER_LONG_TESTS"] == "1"
        /// How long another client may wait meanwhile, in milliseconds: the machine is shared with the attack. Less
        /// than what the server gives a slow client.
        private static let patience = 5000.0
        private static let fileSize = 32 << 20

        private func serve(_ options: [String] = [], in place: Place) throws -> TestServer {
            let app = try place.copyApp(at: "trouble", as: "app")
            try FileManager.default.createDirectory(atPath: "\(app)/public", withIntermediateDirectories: true)
            // No two parts of it are alike.
            var content = Data(capacity: Self.fileSize)
            for number in 0..<UInt32(Self.fileSize / 4) {
                withUnsafeBytes(of: number &* 2_654_435_761) { content.append(contentsOf: $0) }
            }
            try content.write(to: URL(fileURLWithPath: "\(app)/public/large.bin"))
            AppUser.own(app)
            let server = TestServer(app, in: place)
            try server.start(options + Certificate(in: place).options)
            try server.waitUntilServing()
            return server
        }

        private func expectLog(_ line: String, _ server: TestServer) throws {
            try eventually("the log line '\(line)'", within: .seconds(15), evidence: { server.log }) {
                server.log.contains(line)
            }
        }

        struct Attack: Sendable, CustomTestStringConvertible {
            var name: String
            var count: Int
            /// What it would take to be let go on: fewer than all are taken.
            var log: String
            var testDescription: String { name }
        }

        @Test(
            .timeLimit(.minutes(6)),
            arguments: [
                Attack(name: "resets", count: 20_000, log: "the client resets too many of its streams"),
                Attack(name: "continuations", count: 20_000, log: "TLS connection from 127.0.0.1: "),
                Attack(name: "bomb", count: 12_000, log: "TLS connection from 127.0.0.1: "),
                Attack(name: "pings", count: 20_000, log: "TLS connection from 127.0.0.1: "),
                Attack(name: "settings", count: 20_000, log: "TLS connection from 127.0.0.1: "),
            ])
        func `an attack ends its own connection, with a line in the log, and others notice nothing`(
            _ attack: Attack
        ) throws {
            let place = try Place()
            let server = try serve(in: place)
            let core = try server.status().server.corePid
            for _ in 0..<(Self.isLong ? 50 : 3) {
                let strain = try Clients.http2(attack.name, server, attack.count)
                // ENHANCE_YOUR_CALM, PROTOCOL_ERROR and the like; none where the reset came before.
                #expect(strain.code != 0, "\(strain)")
                #expect((strain.slowestOther ?? 99_999) < Self.patience && (strain.requests ?? 0) > 10, "\(strain)")
            }
            try expectLog(attack.log, server)
            #expect(Clients.memory(of: core, .peak) < 128 << 10)
            #expect(try server.status().server.corePid == core)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `answers that no window lets go are given up, and others notice nothing`() throws {
            let place = try Place()
            let server = try serve(["--body-timeout", "6s"], in: place)
            let core = try server.status().server.corePid
            let count = Self.isLong ? 200 : 10
            let strain = try Clients.http2("stalls", server, count, "/large.bin")
            #expect(strain.ended == 50 * count)
            #expect((strain.first ?? 0) >= 1 && (strain.last ?? 99) < 40, "\(strain)")
            #expect((strain.slowestOther ?? 99_999) < Self.patience, "\(strain)")
            try expectLog("was too slow (body_timeout, taking an answer)", server)
            // At most 1 MiB of answers for a connection, however many streams it has.
            print("\(count) connections of 50 stalled streams: \(Clients.memory(of: core, .peak)) KiB at most")
            #expect(Clients.memory(of: core, .peak) < (64 + 3 * count) << 10)
            try server.stop()
        }

        @Test(.timeLimit(.minutes(6)))
        func `a file reaches slow readers whole, in small windows, and does not lie in memory meanwhile`() throws {
            let place = try Place()
            let server = try serve(in: place)
            let core = try server.status().server.corePid
            let file = "\(server.directory)/public/large.bin"
            let digest = try Clients.run(["sha256sum", file], in: place).output.prefix { $0 != " " }
            for window in [65_535, 16_384, 9_999] {
                let strain = try Clients.http2("slowly", server, window, "/large.bin")
                #expect(strain.digest.map { $0[...] } == digest && strain.size == Self.fileSize, "\(strain)")
            }
            print("a file of \(Self.fileSize >> 20) MiB: core \(Clients.memory(of: core, .peak)) KiB at most")
            #expect(Clients.memory(of: core, .peak) < 96 << 10)
            try server.stop()
        }
    }
}
