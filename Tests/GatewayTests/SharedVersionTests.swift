import Model
import Pool
import Testing

@testable import Gateway

extension SocketTests {
    @Suite("while two versions share the traffic")
    struct SharedVersionTests {
        @Test("a cookie keeps a client with one of them, and is gone with the sharing")
        func cookie() async throws {
            let server = try await TestGateway(TestGateway.Options(workers: 1, concurrency: 8)) { connection in
                while try connection.readRequest() != nil { try connection.answer("\(connection.worker.number)") }
            }
            let other = try await server.bootBeside()
            try await blocking {
                let client = try server.client()
                #expect(try client.get().field("Set-Cookie") == nil)
                server.share(with: other, tenThousandths: 5000)
                var versions: Set<String> = []
                for _ in 0..<40 {
                    let first = try client.get()
                    let set = first.field("Set-Cookie") ?? ""
                    #expect(set.hasPrefix("_passenger_version="))
                    #expect(set.hasSuffix("; Path=/; HttpOnly; SameSite=Lax"))
                    let pair = String(set.prefix { $0 != ";" })
                    versions.insert(pair)
                    let again = try client.get("/", "Cookie: \(pair)\r\n")
                    #expect(again.text == first.text && again.field("Set-Cookie") == nil)
                }
                #expect(versions.count == 2 && versions.contains("_passenger_version=\(other.rawValue)"))
                for forged in ["99999999999", "-1", "", "0x2", "4294967295"] {
                    let answer = try client.get("/", "Cookie: _passenger_version=\(forged)\r\n")
                    #expect(answer.status == 200 && answer.field("Set-Cookie") != nil)
                }
                server.share(with: other, tenThousandths: nil)
                let plain = try client.get("/", "Cookie: _passenger_version=\(other.rawValue)\r\n")
                #expect(plain.field("Set-Cookie") == nil)
            }
            try await server.stop()
        }
    }
}
