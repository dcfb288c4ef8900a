import Foundation
import Glibc
import Linux
import Model
import Testing

/// OpenSSH's own server on loopback, with a host key and a user key of this test, and a client that knows that host and no
/// other. Ended with the test.
final class SSHServer: @unchecked Sendable {
    /// What the client's configuration calls the server.
    static let host = "web1"
    static let isThere = access(program, X_OK) == 0
    static let needed: Comment = "needs OpenSSH's server"
    private static let program = "/usr/sbin/sshd"

    private let place: Place
    private let server: Program
    let port: Int
    private var known: String { "\(place.path)/ssh/known_hosts" }
    /// What a pipeline is given of it.
    var key: String { text(of: "\(place.path)/ssh/user") }
    var knownHosts: String { text(of: known) }
    var address: String { "\(lookUpName() ?? "root")@127.0.0.1" }

    /// `environment` is that of the commands; `forced` takes the place of whatever a client asks for.
    init(in outer: Place, environment: [String: String], forced: String? = nil) throws {
        place = try outer.inner("ssh-\(UUID().uuidString.prefix(4))")
        let directory = "\(place.path)/ssh"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for key in ["host", "user"] {
            let end = try Program(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "\(directory)/\(key)"],
                environment: ProcessInfo.plainEnvironment, in: place
            ).wait(within: .seconds(60))
            try #require(end.status == 0, "\(end.everything)")
        }
        port = try freePort()
        let options = forced.map { "restrict,command=\"\($0.replacing("\"", with: "\\\""))\" " } ?? ""
        try (options + text(of: "\(directory)/user.pub")).write(
            toFile: "\(directory)/authorized_keys", atomically: false, encoding: .utf8)
        try "[127.0.0.1]:\(port) \(text(of: "\(directory)/host.pub"))".write(
            toFile: "\(directory)/known_hosts", atomically: false, encoding: .utf8)
        let variables = environment.filter { $0.key.hasPrefix("PASSENGER_") || $0.key == "PATH" }
            .map { "\"\($0.key)=\($0.value)\"" }.joined(separator: " ")
        try """
        ListenAddress 127.0.0.1
        Port \(port)
        HostKey \(directory)/host
        AuthorizedKeysFile \(directory)/authorized_keys
        PidFile none
        UsePAM no
        StrictModes no
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        PermitRootLogin prohibit-password
        SetEnv \(variables)
        """.write(toFile: "\(directory)/sshd_config", atomically: false, encoding: .utf8)
        // Where its unprivileged part is locked up; a service manager would have made it.
        if geteuid() == 0 { mkdir("/run/sshd", 0o755) }
        server = try Program(
            [Self.program, "-D", "-e", "-f", "\(directory)/sshd_config"], environment: ProcessInfo.plainEnvironment,
            in: place)
        try writeClient(directory)
        let log = server
        try eventually("sshd", evidence: { log.log }) { log.log.contains("Server listening") }
    }

    deinit {
        dropConnections()
        server.signal(SIGKILL)
    }

    /// PATH of a client: its `ssh` is OpenSSH's, under a configuration of this test's own.
    var clientPath: String { "\(place.path)/bin:/usr/bin:/bin" }

    private func writeClient(_ directory: String) throws {
        try """
        Host \(Self.host)
          HostName 127.0.0.1
          Port \(port)
          User \(lookUpName() ?? "root")
          IdentityFile \(directory)/user
          IdentitiesOnly yes
          StrictHostKeyChecking yes
          UserKnownHostsFile \(directory)/known_hosts
          GlobalKnownHostsFile /dev/null
        """.write(toFile: "\(directory)/config", atomically: false, encoding: .utf8)
        let bin = "\(place.path)/bin"
        try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
        try "#!/bin/sh\nexec /usr/bin/ssh -F \(directory)/config \"$@\"\n".write(
            toFile: "\(bin)/ssh", atomically: false, encoding: .utf8)
        chmod("\(bin)/ssh", 0o755)
    }

    /// The host shows another key from now on, as somebody between client and host would.
    func forgetHost() throws {
        try "[127.0.0.1]:\(port) \(text(of: "\(place.path)/ssh/user.pub"))".write(
            toFile: known, atomically: false, encoding: .utf8)
    }

    /// Ends every connection, and the commands that run for it keep running. Returns how many there were.
    @discardableResult
    func dropConnections() -> Int {
        let children = descendants(of: server.pid).filter { name(of: $0).hasPrefix("sshd") }
        for pid in children { kill(pid, SIGKILL) }
        return children.count
    }

    private func descendants(of pid: Int32) -> [Int32] {
        let path = "/proc/\(pid)/task/\(pid)/children"
        let children = text(of: path).split(separator: " ").compactMap { Int32($0) }
        return children.flatMap { [$0] + descendants(of: $0) }
    }

    private func name(of pid: Int32) -> String { text(of: "/proc/\(pid)/comm").trimmed }
    private func lookUpName() -> String? { ((try? lookUpUser(uid: getuid())) ?? nil)?.name }
}
