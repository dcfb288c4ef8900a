import Model
import Testing

@testable import AppConfig

@Suite("Keys of the admin API over TCP")
struct AdminKeyTests {
    @Test("Without a port there is none, and what else is said about it is ignored aloud")
    func off() throws {
        #expect(try load("port: 1").server.remoteAdmin == nil)
        let ignored = try load("admin_tokens: /t")
        #expect(ignored.server.remoteAdmin == nil && ignored.warnings.count == 1)
    }

    @Test("On this machine alone a token is enough")
    func loopback() throws {
        for address in ["", "admin_address: localhost", "admin_address: '[::1]'", "admin_address: 127.0.0.9"] {
            let admin = try #require(try load("admin_port: 3200\nadmin_tokens: /t\n\(address)").server.remoteAdmin)
            #expect(admin.certificate == nil && admin.tokens == "/t" && admin.listen.port == 3200)
        }
    }

    @Test("For other machines it needs TLS")
    func secure() throws {
        let tls = "admin_ssl_certificate: /c\nadmin_ssl_certificate_key: /k\n"
        let text = "admin_port: 3200\nadmin_tokens: /t\nadmin_address: 0.0.0.0\n"
        #expect(
            try load(text + tls).server.remoteAdmin
                == RemoteAdminSettings(
                    listen: .tcp(host: "0.0.0.0", port: 3200), certificate: CertificateFiles(chain: "/c", key: "/k"),
                    tokens: "/t"))
        for address in ["0.0.0.0", "10.0.0.1", "'::'", "127.example.com", "1270.0.0.1"] {
            let text = "admin_port: 3200\nadmin_tokens: /t\nadmin_address: \(address)"
            #expect(problems { try load(text) }.map(\.message).allSatisfy { $0.contains("needs TLS") })
        }
    }

    @Test(
        "What does not fit together is told",
        arguments: ["admin_port: 1", "admin_port: 1\nadmin_tokens: /t\nadmin_ssl_certificate: /c"])
    func refused(text: String) {
        #expect(problems { try load(text) }.count == 1)
    }
}
