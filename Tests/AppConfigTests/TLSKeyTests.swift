import Model
import Testing

@testable import AppConfig

@Suite("TLS keys")
struct TLSKeyTests {
    private let pair = "ssl_certificate: /c.pem\nssl_certificate_key: /c.key\n"

    @Test("ssl alone takes the place of plain HTTP, on the port or the socket")
    func alone() throws {
        let port = try load(pair + "ssl: true").server
        #expect(port.listen.isEmpty && port.tls.listen == [.tcp(host: "127.0.0.1", port: 3000)])
        #expect(port.tls.certificates == [CertificateFiles(chain: "/c.pem", key: "/c.key")])
        #expect(port.tls.http2 && !port.tls.redirect)
        let socket = try load(pair + "ssl: true\nsocket_file: /run/a.sock").server
        #expect(socket.listen.isEmpty && socket.tls.listen == [.unix(path: "/run/a.sock")])
    }

    @Test("ssl_port is beside the plain port, and turns ssl on")
    func beside() throws {
        let both = try load(pair + "port: 80\nssl_port: 443\naddress: '[::]'\nssl_redirect: true\nhttp2: false")
        #expect(both.server.listen == [.tcp(host: "::", port: 80)])
        #expect(both.server.tls.listen == [.tcp(host: "::", port: 443)])
        #expect(both.server.tls.redirect && !both.server.tls.http2)
        #expect(both.warnings.isEmpty)
        let socket = try load(pair + "socket_file: /run/a.sock\nssl_port: 443\naddress: 10.0.0.1")
        #expect(socket.server.listen == [.unix(path: "/run/a.sock")])
        #expect(socket.server.tls.listen == [.tcp(host: "10.0.0.1", port: 443)])
        #expect(socket.warnings.isEmpty)
    }

    @Test("Several certificates are pairs in the order of their lists")
    func several() throws {
        let text = "ssl: true\nssl_certificate: [/a.pem, b.pem]\nssl_certificate_key: [/a.key, b.key]"
        let tree = try TemporaryTree(["Passengerfile.yml": text, "config.ru": ""])
        #expect(
            try load(tree).server.tls.certificates == [
                CertificateFiles(chain: "/a.pem", key: "/a.key"),
                CertificateFiles(chain: tree["b.pem"], key: tree["b.key"]),
            ])
    }

    @Test(
        "What does not fit together is told with its place",
        arguments: [
            ("port: 1\nssl: true", "2:1 TLS needs 'ssl_certificate' and 'ssl_certificate_key'"),
            ("ssl_port: 443", "1:1 TLS needs 'ssl_certificate' and 'ssl_certificate_key'"),
            ("ssl_certificate: /c", "1:1 'ssl_certificate' is set without 'ssl_certificate_key'"),
            ("ssl_certificate_key: /c", "1:1 'ssl_certificate_key' is set without 'ssl_certificate'"),
            (
                "ssl_certificate: [/a, /b]\nssl_certificate_key: /c",
                "2:1 'ssl_certificate_key' names 1 files and 'ssl_certificate' 2"
            ),
            (
                "port: 443\nssl_port: 443\nssl_certificate: /a\nssl_certificate_key: /c",
                "2:1 'ssl_port' is 443, which is also the plain 'port'"
            ),
        ])
    func refused(text: String, expected: String) {
        let found = problems { try load(text) }.map(shown)
        #expect(found.count == 1 && found[0].hasPrefix(expected), "\(found)")
    }

    @Test("Keys that say nothing without ssl are a warning")
    func ignored() throws {
        let off = try load(pair + "http2: true\nssl: false")
        #expect(off.server.tls.certificates.isEmpty && off.server.tls.listen.isEmpty)
        #expect(off.warnings.map(\.key) == ["ssl_certificate", "ssl_certificate_key", "http2"])
        let redirect = try load(pair + "ssl: true\nssl_redirect: true")
        #expect(
            redirect.warnings.map(\.message) == [
                "'ssl_redirect' is ignored, because there is no plain port beside the TLS one (ssl_port)"
            ])
    }

    @Test("The pid file of a server that speaks TLS alone is named for its port")
    func pidFile() throws {
        let tree = try TemporaryTree(["config.ru": "", "Passengerfile.yml": pair + "ssl: true\ndaemonize: true"])
        #expect(try load(tree).server.pidFile == tree["tmp/pids/passenger.3000.pid"])
    }
}
