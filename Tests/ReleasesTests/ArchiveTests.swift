import Foundation
import Glibc
import Linux
import Testing

@testable import Releases

/// Archives as GNU tar and Python's tarfile make them, taken into a mirror and checked out.
struct ArchiveTests {
    let sandbox: Sandbox
    private let builder: InProcess
    private var tree: String { "\(sandbox.path)/tree" }
    private var archive: String { "\(sandbox.path)/a.tar" }

    init() throws {
        sandbox = try Sandbox()
        builder = try InProcess()
        _ = try builder(.prepareRoot(root: sandbox.root))
        try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: true)
    }

    private func take(_ path: String? = nil, limits: ArchiveImport.Limits = .init()) throws -> CommitID {
        let file = try openFile(path ?? archive, flags: O_RDONLY)
        return try ArchiveImport.run(
            DescriptorSource(descriptor: file.number), into: Repository.open("\(sandbox.root)/repo.git"),
            limits: limits, cancellation: builder.cancellation)
    }

    private func write(_ name: String, _ text: String, mode: Int = 0o644) throws {
        let path = "\(tree)/\(name)"
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        chmod(path, mode_t(mode))
    }

    private static let longName = (0..<12).map { "\($0)-" + String(repeating: "long", count: 10) }.joined(
        separator: "/")

    private func fill() throws {
        try write("app.py", "print(1)\n")
        try write("bin/run", "#!/bin/sh\n", mode: 0o755)
        try write("ü/leer", "")
        try write(ArchiveTests.longName, "deep\n")
        try write("big", String(repeating: "0123456789abcdef", count: 20_000))
        try FileManager.default.createSymbolicLink(atPath: "\(tree)/bin/app", withDestinationPath: "../app.py")
    }

    @Test(
        arguments: [
            ["tar", "--format=gnu"], ["tar", "--format=pax"],
            ["tar", "--format=posix", "--pax-option=globexthdr.name=x"],
            ["tar", "--format=ustar", "--exclude=0-long*"], ["tar", "--format=oldgnu"], ["tar", "-z"],
            ["tar", "-z", "--format=pax"],
        ])
    func `What GNU tar packs is what comes out`(_ command: [String]) throws {
        try fill()
        try sandbox.run(command + ["-cf", archive, "-C", tree, "."])
        try check(hasLong: !command.contains { $0.hasPrefix("--exclude") })
    }

    @Test(arguments: ["USTAR_FORMAT", "GNU_FORMAT", "PAX_FORMAT"])
    func `What Python packs is what comes out`(_ format: String) throws {
        try fill()
        if format == "USTAR_FORMAT" {
            try FileManager.default.removeItem(atPath: "\(tree)/\(ArchiveTests.longName.prefix { $0 != "/" })")
        }
        let program = """
            import tarfile, sys
            with tarfile.open(sys.argv[1], 'w:gz', format=tarfile.\(format)) as archive: archive.add(sys.argv[2], arcname='.')
            """
        try sandbox.run(["python3", "-c", program, archive, tree])
        try check(hasLong: format != "USTAR_FORMAT")
    }

    private func check(hasLong: Bool) throws {
        let commit = try take()
        // The same contents are the same commit, whenever and however they were packed.
        try sandbox.run(["touch", "-d", "2001-01-01", "\(tree)/app.py"])
        #expect(try take() == commit)
        let release = try builder.checkout(sandbox, 1, commit)
        func text(_ name: String) -> String? { try? String(contentsOfFile: "\(release.path)/\(name)", encoding: .utf8) }
        #expect(text("app.py") == "print(1)\n" && text("ü/leer") == "" && text("bin/app") == "print(1)\n")
        #expect(text("big") == String(repeating: "0123456789abcdef", count: 20_000))
        #expect(text(ArchiveTests.longName) == (hasLong ? "deep\n" : nil))
        #expect(access("\(release.path)/bin/run", X_OK) == 0)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(release.path)/bin/app") == "../app.py")
        #expect(text("REVISION") == "\(commit)\n")
    }

    /// One member a line of Python: what tar itself would not pack.
    private func forge(_ members: String) throws {
        let program = """
            import tarfile, sys, io
            def member(name, **fields):
                info = tarfile.TarInfo(name)
                data = fields.pop('data', b'')
                info.size = len(data)
                for key, value in fields.items(): setattr(info, key, value)
                archive.addfile(info, io.BytesIO(data))
            with tarfile.open(sys.argv[1], 'w') as archive:
                \(members)
            """
        try sandbox.run(["python3", "-c", program, archive])
    }

    @Test(arguments: [
        ("member('../evil')", "leads out"), ("member('/etc/evil')", "an absolute path"),
        ("member('a/../../evil')", "leads out"),
        ("member('.git/hooks/x')", "git keeps"), ("member('a/.GIT/x')", "git keeps"),
        ("member('GIT~1/x')", "git keeps"),
        ("member('a'); member('a')", "same name twice"), ("member('a'); member('./a')", "same name twice"),
        ("member('a', type=b'2', linkname='/etc'); member('a/passwd')", "same name twice"),
        ("member('a/b'); member('a', type=b'2', linkname='b')", "same name twice"),
        ("member('a', type=b'2', linkname='/etc/passwd')", "leads out of the release"),
        ("member('a', type=b'2', linkname='../x')", "leads out of the release"),
        (
            "member('d/s', type=b'2', linkname='..'); member('l', type=b'2', linkname='d/s/../x')",
            "leads out of the release"
        ),
        ("member('a'); member('b', type=b'1', linkname='a')", "a hard link"), ("member('a', type=b'3')", "a device"),
        ("member('a', type=b'4')", "a device"), ("member('a', type=b'6')", "a pipe"),
        ("member('a', mode=0o4755)", "setuid"),
        ("member('a', mode=0o2755)", "setuid"), ("member('a', type=b'9')", "unknown type"), ("member('/')", "absolute"),
        ("pass", "empty"), ("member('/'.join('d' * 250))", "deep"),
    ])
    func `What could leave the release, or be more than a file, is refused with its name`(
        _ members: String, _ reason: String
    ) throws {
        try forge(members)
        let error = try failure { _ = try take() }
        #expect(error.code == .refusedTree && error.message.contains(reason), "\(error.message)")
    }

    @Test func `Directories may be named twice, and after their files`() throws {
        try forge("member('d/f', data=b'x'); member('d', type=b'5'); member('d/', type=b'5'); member('./', type=b'5')")
        let release = try builder.checkout(sandbox, 1, take())
        #expect(try String(contentsOfFile: "\(release.path)/d/f", encoding: .utf8) == "x")
    }

    @Test func `More than the limits is refused, however small it was packed`() throws {
        try fill()
        try sandbox.run(["tar", "-cf", archive, "-C", tree, "."])
        var limits = ArchiveImport.Limits()
        limits.bytes = 100_000
        #expect(try failure { _ = try take(limits: limits) }.message.contains("the most that is taken"))
        limits = .init()
        limits.entries = 3
        #expect(try failure { _ = try take(limits: limits) }.message.contains("more than 3 entries"))
        // Sixty-four mebibytes of one member, in some ten kilobytes.
        try forge("member('zeros', data=bytes(64 << 20))")
        try sandbox.run(["gzip", "-f", archive])
        limits = .init()
        limits.bytes = 1 << 20
        #expect(try failure { _ = try take("\(archive).gz", limits: limits) }.message.contains("1 MiB"))
    }

    @Test func `An archive that is cut off anywhere is refused`() throws {
        try fill()
        try sandbox.run(["tar", "-cf", archive, "-C", tree, "."])
        try sandbox.run(["gzip", "-k", archive])
        for path in [archive, "\(archive).gz"] {
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            // The last member's contents end well before the last block of a record.
            for count in stride(from: 700, to: min(whole.count / 2, 400_000), by: whole.count / 23) {
                try whole.prefix(count).write(to: URL(fileURLWithPath: "\(path).cut"))
                let cut = try? take("\(path).cut")
                // A cut between two members of a plain archive cannot be seen, and leaves a smaller one.
                if path.hasSuffix(".gz") || count % 512 != 0 { #expect(cut == nil, "\(path) \(count)") }
            }
        }
    }

    @Test func `Any bytes at all are refused or taken, and never more than that`() throws {
        var random = SystemRandomNumberGenerator()
        try fill()
        try sandbox.run(["tar", "-cf", archive, "--format=pax", "-C", tree, "."])
        let whole = try Data(contentsOf: URL(fileURLWithPath: archive))
        for _ in 0..<200 {
            var bytes = whole.prefix(20_480)
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            try bytes.write(to: URL(fileURLWithPath: "\(archive).x"))
            _ = try? take("\(archive).x")
        }
    }
}
