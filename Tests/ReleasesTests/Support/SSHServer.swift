import Foundation
import Glibc
import Linux

/// OpenSSH's own server on this machine, with keys of its own; ended with the test. It lets root in with the key `accepted`.
final class SSHServer {
    static let program = "/usr/sbin/sshd"
    let port: UInt16
    private let directory: String
    private let pid: Int32
    private let madeRuntime: Bool

    /// The server's public key, as a line of known_hosts.
    var knownHost: String {
        get throws { "[127.0.0.1]:\(port) " + (try String(contentsOfFile: "\(directory)/host.pub", encoding: .utf8)) }
    }

    init(in sandbox: Sandbox) throws {
        directory = "\(sandbox.path)/sshd"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        for name in ["host", "accepted", "other"] {
            try sandbox.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "\(directory)/\(name)"])
        }
        // Free a moment ago; somebody else's by now would be seen as a server that does not start.
        let socket = try bindTCP(host: "127.0.0.1", port: 0, sharesPort: false)
        port = try boundPort(socket.number)
        close(socket.release())
        let settings = """
            Port \(port)
            ListenAddress 127.0.0.1
            HostKey \(directory)/host
            AuthorizedKeysFile \(directory)/accepted.pub
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            PermitRootLogin prohibit-password
            PidFile none

            """
        try Data(settings.utf8).write(to: URL(fileURLWithPath: "\(directory)/config"))
        madeRuntime = mkdir("/run/sshd", 0o755) == 0
        let errors = try Linux.Pipe(nonBlockingReader: false)
        pid = try spawnProcess(
            path: SSHServer.program, arguments: [SSHServer.program, "-D", "-e", "-f", "\(directory)/config"],
            environment: ["PATH=/usr/bin:/bin:/usr/sbin:/sbin"],
            moves: [DescriptorMove(source: errors.writer.number, target: 2)])
        let said = String(decoding: try readSome(errors.reader.number, limit: 4096), as: UTF8.self)
        guard said.contains("Server listening") else { throw Sandbox.CommandFailed(text: "sshd: \(said)") }
        // It goes on writing there, and must not end for it.
        log = try errors.reader.duplicate()
    }

    private let log: Descriptor

    deinit {
        kill(pid, SIGTERM)
        _ = try? waitForChild(pid)
        if madeRuntime { rmdir("/run/sshd") }
    }

    /// A directory to be first in PATH: ssh there is OpenSSH's, with this key and these known hosts instead of root's own.
    func client(key: String, knownHosts: String, in sandbox: Sandbox) throws -> String {
        let bin = "\(sandbox.path)/client-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
        try Data(knownHosts.utf8).write(to: URL(fileURLWithPath: "\(bin)/known_hosts"))
        let settings = """
            IdentityFile \(directory)/\(key)
            IdentitiesOnly yes
            IdentityAgent none
            UserKnownHostsFile \(bin)/known_hosts
            GlobalKnownHostsFile /dev/null

            """
        try Data(settings.utf8).write(to: URL(fileURLWithPath: "\(bin)/config"))
        try Data("#!/bin/sh\nexec /usr/bin/ssh -F \(bin)/config \"$@\"\n".utf8).write(
            to: URL(fileURLWithPath: "\(bin)/ssh"))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(bin)/ssh")
        return bin
    }
}
