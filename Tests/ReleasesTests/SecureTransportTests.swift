import Foundation
import Glibc
import Testing

@testable import Releases

/// Who is on the other side, and who is on this one: OpenSSH with its own server, and HTTPS with a certificate of its own.
@Suite(
    .serialized, .timeLimit(.minutes(5)),
    .enabled(if: BuilderChild.executable != nil, "the passenger binary is not built"))
struct SecureTransportTests {
    let sandbox: Sandbox
    init() throws { sandbox = try Sandbox() }

    private func fetch(_ url: String, with builder: BuilderChild) throws -> BuilderEvent? {
        _ = try builder.ask(.prepareRoot(root: sandbox.root))
        return try builder.ask(.fetch(root: sandbox.root, url: url, ref: nil)).answer
    }

    private func commit(_ event: BuilderEvent?) -> CommitID? {
        if case .ok(.commit(let info)) = event { info.id } else { nil }
    }

    private func failure(_ event: BuilderEvent?) -> BuilderFailure? {
        if case .error(let failure) = event { failure } else { nil }
    }

    static let hasSSHServer = getuid() == 0 && access(SSHServer.program, X_OK) == 0

    @Test(.enabled(if: hasSSHServer, "root and OpenSSH's server are needed"))
    func aKnownHostAndAKeyItAccepts() throws {
        try sandbox.write("a", String(repeating: "some text\n", count: 10_000))
        let id = try sandbox.commit()
        let server = try SSHServer(in: sandbox)
        let url = "ssh://root@127.0.0.1:\(server.port)\(sandbox.source)"
        let known = try server.knownHost

        let bin = try server.client(key: "accepted", knownHosts: known, in: sandbox)
        #expect(try commit(fetch(url, with: BuilderChild(searchPath: "\(bin):/usr/bin:/bin"))) == id)

        let stranger = try server.client(key: "other", knownHosts: known, in: sandbox)
        let refused = try failure(fetch(url, with: BuilderChild(searchPath: "\(stranger):/usr/bin:/bin")))
        #expect(refused?.code == .authenticationFailed)
        #expect(refused?.message.contains("does not accept the key") == true)

        let missing = try failure(
            fetch("\(url)/nothing", with: BuilderChild(searchPath: "\(bin):/usr/bin:/bin")))
        #expect(missing?.code == .unreachable)
    }

    /// Neither is accepted, nor is anything written down for the next time.
    @Test(.enabled(if: hasSSHServer, "root and OpenSSH's server are needed"), arguments: [true, false])
    func anUnknownOrAnotherHostKeyIsRefused(isKnown: Bool) throws {
        try sandbox.commit()
        let server = try SSHServer(in: sandbox)
        let other = try String(contentsOfFile: "\(sandbox.path)/sshd/other.pub", encoding: .utf8)
        let known = isKnown ? "[127.0.0.1]:\(server.port) \(other)" : ""
        let bin = try server.client(key: "accepted", knownHosts: known, in: sandbox)
        let url = "ssh://root@127.0.0.1:\(server.port)\(sandbox.source)"
        let refused = try failure(fetch(url, with: BuilderChild(searchPath: "\(bin):/usr/bin:/bin")))
        #expect(refused?.code == .authenticationFailed)
        #expect(refused?.message.contains("host key") == true)
        #expect(refused?.hint?.contains("known_hosts") == true)
        #expect(try String(contentsOfFile: "\(bin)/known_hosts", encoding: .utf8) == known)
    }

    @Test func aCertificateOfAnotherAuthorityIsRefusedUntilItIsNamed() throws {
        let id = try sandbox.commit()
        let (certificate, key) = ("\(sandbox.path)/cert.pem", "\(sandbox.path)/key.pem")
        try sandbox.run([
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate,
        ])
        let server = try GitServer(root: sandbox.path, credentials: "ada:s3cret", certificate: (certificate, key))
        let url = "https://ada:s3cret@localhost:\(server.port)/source/.git"
        let refused = try failure(fetch(url, with: BuilderChild()))
        #expect(refused?.code == .unreachable)
        #expect(refused?.message.contains("no secure connection") == true, "\(String(describing: refused))")
        #expect(refused?.message.contains("s3cret") == false)

        let named = ["GIT_SSL_CAINFO=\(certificate)"]
        #expect(try commit(fetch(url, with: BuilderChild(environment: named))) == id)
        // A certificate for another name is not good enough.
        let elsewhere = "https://ada:s3cret@127.0.0.1:\(server.port)/source/.git"
        #expect(try failure(fetch(elsewhere, with: BuilderChild(environment: named)))?.code == .unreachable)
        let wrong = "https://ada:wrong@localhost:\(server.port)/source/.git"
        #expect(try failure(fetch(wrong, with: BuilderChild(environment: named)))?.code == .authenticationFailed)

        // By a program that is named in the environment, as CI systems do it.
        let helper = "\(sandbox.path)/askpass"
        try Data("#!/bin/sh\ncase $1 in User*) echo ada ;; *) echo s3cret ;; esac\n".utf8)
            .write(to: URL(fileURLWithPath: helper))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: helper)
        let plain = "https://localhost:\(server.port)/source/.git"
        #expect(try commit(fetch(plain, with: BuilderChild(environment: named + ["GIT_ASKPASS=\(helper)"]))) == id)
    }
}
