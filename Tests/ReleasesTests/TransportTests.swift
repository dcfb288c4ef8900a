import Foundation
import Glibc
import Linux
import Testing

@testable import Releases

/// Fetches over HTTP and SSH, by the builder as the core runs it: search path and home directory are the process's own.
@Suite(
    .serialized, .timeLimit(.minutes(5)),
    .enabled(if: BuilderChild.executable != nil, "the passenger binary is not built"))
struct TransportTests {
    let sandbox: Sandbox
    private let files = FileManager.default
    init() throws { sandbox = try Sandbox() }

    private func fetch(_ url: String, with builder: BuilderChild) throws -> BuilderEvent? {
        _ = try builder.ask(.prepareRoot(root: sandbox.root))
        return try builder.ask(.fetch(root: sandbox.root, url: url, ref: nil)).answer
    }

    private func expectCommit(_ id: CommitID, _ event: BuilderEvent?, _ location: SourceLocation = #_sourceLocation) {
        guard case .ok(.commit(let info)) = event, info.id == id else {
            Issue.record("not commit \(id): \(String(describing: event))", sourceLocation: location)
            return
        }
    }

    private func failure(_ event: BuilderEvent?) throws -> BuilderFailure {
        guard case .error(let failure) = event else {
            Issue.record("not a failure: \(String(describing: event))")
            throw CancellationError()
        }
        return failure
    }

    // MARK: HTTP

    @Test func overHTTP() throws {
        try sandbox.write("a", String(repeating: "some text\n", count: 10_000))
        let id = try sandbox.commit()
        let server = try GitServer(root: sandbox.path)
        let builder = try BuilderChild()
        expectCommit(id, try fetch("http://127.0.0.1:\(server.port)/source/.git", with: builder))
        // Again, with something new to negotiate about.
        let second = try sandbox.commit("two")
        expectCommit(second, try fetch("http://127.0.0.1:\(server.port)/source/.git", with: builder))
        let missing = try failure(fetch("http://127.0.0.1:\(server.port)/nothing.git", with: builder))
        #expect(missing.code == .unreachable)
    }

    @Test func credentialsComeFromTheURLOrAHelper() throws {
        let id = try sandbox.commit()
        let server = try GitServer(root: sandbox.path, credentials: "ada:s3cret")
        let place = "127.0.0.1:\(server.port)/source/.git"
        expectCommit(id, try fetch("http://ada:s3cret@\(place)", with: BuilderChild()))

        let refused = try failure(fetch("http://\(place)", with: BuilderChild()))
        #expect(refused.code == .authenticationFailed)

        let home = "\(sandbox.path)/home"
        try files.createDirectory(atPath: home, withIntermediateDirectories: true)
        let helper = "!f() { test $1 = get && echo username=ada && echo password=s3cret; }; f"
        try sandbox.run(["git", "config", "-f", "\(home)/.gitconfig", "credential.helper", helper])
        expectCommit(id, try fetch("http://\(place)", with: BuilderChild(home: home)))

        try sandbox.run([
            "git", "config", "-f", "\(home)/.gitconfig", "credential.helper", "!echo username=x; echo password=y; :",
        ])
        let wrong = try failure(fetch("http://\(place)", with: BuilderChild(home: home)))
        #expect(wrong.code == .authenticationFailed)
        #expect(!"\(wrong)".contains("s3cret"))
    }

    // MARK: SSH

    /// A builder that finds this script where it looks for ssh.
    private func builder(ssh script: String) throws -> BuilderChild {
        let bin = "\(sandbox.path)/bin"
        try files.createDirectory(atPath: bin, withIntermediateDirectories: true)
        try Data("#!/bin/sh\n\(script)\n".utf8).write(to: URL(fileURLWithPath: "\(bin)/ssh"))
        try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(bin)/ssh")
        return try BuilderChild(searchPath: "\(bin):/usr/bin:/bin")
    }

    /// Does what sshd would: gives the last argument to a shell.
    private var localSSH: String {
        #"printf '%s\n' "$@" > "\#(sandbox.path)/arguments"; for last; do :; done; exec sh -c "$last""#
    }

    @Test func overSSHByOpenSSH() throws {
        try sandbox.write("a", String(repeating: "some text\n", count: 10_000))
        let id = try sandbox.commit()
        let builder = try builder(ssh: localSSH)
        expectCommit(id, try fetch("ssh://git@host.example:2222\(sandbox.source)", with: builder))
        let arguments = try String(contentsOfFile: "\(sandbox.path)/arguments", encoding: .utf8).split(separator: "\n")
        #expect(
            arguments == [
                "-o", "BatchMode=yes", "-o", "ConnectTimeout=30", "-p", "2222", "--", "git@host.example",
                "git-upload-pack '\(sandbox.source)'",
            ])
        let second = try sandbox.commit("two")
        expectCommit(second, try fetch("git@host.example:\(sandbox.source)", with: builder))
    }

    @Test func whatSSHSaysIsPassedOn() throws {
        let denied = try builder(ssh: "echo 'git@h: Permission denied (publickey).' >&2; exit 255")
        let error = try failure(fetch("git@h:a.git", with: denied))
        #expect(error.code == .authenticationFailed)
        #expect(error.message.contains("Permission denied (publickey)"))

        let missing = try failure(fetch("git@h:\(sandbox.path)/nothing", with: builder(ssh: localSSH)))
        #expect(missing.code == .unreachable)
        #expect(missing.message.contains("does not appear to be a git repository"))
    }

    @Test func aSilentHostCanBeCancelled() throws {
        let started = "\(sandbox.path)/started"
        try sandbox.run(["mkfifo", started])
        let builder = try builder(ssh: "echo > \(started); exec sleep 60")
        _ = try builder.ask(.prepareRoot(root: sandbox.root))
        try builder.send(.fetch(root: sandbox.root, url: "git@h:a.git", ref: nil))
        // Returns when the script has opened the other end.
        _ = try readFile(started)
        try builder.send(.cancel)
        #expect(try failure(builder.next()).code == .cancelled)
    }
}
