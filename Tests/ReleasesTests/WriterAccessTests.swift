import Foundation
import Glibc
import Linux
import Testing

@testable import Releases

/// A release whose workers run as another user than deploys.
@Suite struct WriterAccessTests {
    private let builder: InProcess
    private let sandbox: Sandbox

    init() throws {
        builder = try InProcess()
        sandbox = try Sandbox()
    }

    private func list(_ path: String) throws -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c",
            "import os, sys\nfor name in ['access', 'default']:\n  try: print(name, os.getxattr(sys.argv[1], 'system.posix_acl_' + name).hex())\n  except OSError: pass",
            path,
        ]
        process.standardOutput = pipe
        try process.run()
        process.waitUntilExit()
        return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }

    @Test func tmpLogAndSharedDirectoriesAreOpenedAndNothingElse() throws {
        let commit = try sandbox.commit()
        try builder.fetch(sandbox)
        let release = try builder.checkout(sandbox, 1, commit)
        let request = BuilderRequest.link(
            root: sandbox.root, release: release.name, shared: ["log", "data/", ".env"], writer: 4242)
        for _ in 0..<2 { _ = try builder(request) }
        let opened = ["\(release.path)/tmp", "\(sandbox.root)/shared/log", "\(sandbox.root)/shared/data"]
        for path in opened {
            let lists = try list(path).split(separator: "\n")
            #expect(lists.map { $0.prefix { $0 != " " } } == ["access", "default"], "\(path): \(lists)")
            // Tag 2 is a user; 4242 is 0x1092.
            #expect(lists.allSatisfy { $0.contains("0200070092100000") }, "\(path): \(lists)")
        }
        for path in ["\(sandbox.root)/shared", "\(sandbox.root)/shared/.env", release.path] {
            #expect(try list(path).isEmpty, "\(path)")
        }
        // What is made there later is theirs too, and the deploy user's.
        mkdir("\(opened[2])/later", 0o755)
        #expect(try list("\(opened[2])/later").contains("0200070092100000"))
    }

    @Test func withoutAnotherUserNothingIsDone() throws {
        let commit = try sandbox.commit()
        try builder.fetch(sandbox)
        let release = try builder.checkout(sandbox, 1, commit)
        for writer in [nil, geteuid()] {
            _ = try builder(.link(root: sandbox.root, release: release.name, shared: ["data/"], writer: writer))
        }
        #expect(try list("\(sandbox.root)/shared/data").isEmpty)
        #expect(access("\(release.path)/tmp", F_OK) != 0)
    }
}
