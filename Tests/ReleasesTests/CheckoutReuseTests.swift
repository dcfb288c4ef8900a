import Foundation
import Glibc
import Model
import Testing

@testable import Releases

/// A file system of its own in an image, as the deploy root.
private final class ImageDisk {
    private let path: String
    init(in sandbox: Sandbox, type: String) throws {
        path = sandbox.root
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let image = "\(sandbox.path)/image"
        try sandbox.run(["truncate", "-s", "400M", image])
        try sandbox.run(type == "xfs" ? ["mkfs.xfs", "-q", "-m", "reflink=1", image] : ["mkfs.ext4", "-q", image])
        try sandbox.run(["mount", "-o", "loop", image, path])
    }
    deinit { umount2(path, Int32(MNT_DETACH)) }

    static let canMount =
        getuid() == 0 && access("/dev/loop-control", F_OK) == 0 && access("/usr/sbin/mkfs.xfs", X_OK) == 0
        && access("/usr/sbin/mkfs.ext4", X_OK) == 0
}

/// A checkout takes from the release before what it knows to be unchanged, and nothing else.
@Suite(
    .serialized, .timeLimit(.minutes(5)),
    .enabled(if: ImageDisk.canMount, "only root may mount an image of a file system, and mkfs.xfs must be there"))
struct CheckoutReuseTests {
    let builder: InProcess
    let sandbox: Sandbox
    private let files = FileManager.default

    init() throws {
        builder = try InProcess()
        sandbox = try Sandbox()
    }

    private func contents(_ release: CheckedOutRelease, _ name: String) throws -> String {
        try String(contentsOfFile: "\(release.path)/\(name)", encoding: .utf8)
    }

    /// The extents that a file shares with another, by the words of filefrag(8).
    private func isShared(_ release: CheckedOutRelease, _ name: String) throws -> Bool {
        try sandbox.run(["filefrag", "-v", "\(release.path)/\(name)"]).contains("shared")
    }

    private func expectCommit(_ commit: CommitID, in release: CheckedOutRelease) throws {
        try sandbox.run([
            "sh", "-c",
            "umask 022; mkdir -p \(sandbox.path)/\(commit) && cd \(sandbox.source) && git -c tar.umask=022 archive \(commit) | tar -x -C \(sandbox.path)/\(commit)",
        ])
        try sandbox.run(["diff", "-r", "--no-dereference", "-x", "REVISION", "\(sandbox.path)/\(commit)", release.path])
        let modes = "cd \"$0\" && find . -name REVISION -prune -o -type f -printf '%P %m\\n' | sort"
        #expect(
            try sandbox.run(["sh", "-c", modes, release.path])
                == sandbox.run(["sh", "-c", modes, "\(sandbox.path)/\(commit)"]))
    }

    @Test func filesThatDidNotChangeAreClonedOnXFS() throws {
        let disk = try ImageDisk(in: sandbox, type: "xfs")
        try withExtendedLifetime(disk) {
            for number in 0..<200 {
                try sandbox.write("dir\(number % 7)/f\(number)", String(repeating: "\(number)\n", count: 3000))
            }
            try sandbox.write("dir1/run", String(repeating: "#", count: 9000), executable: true)
            try sandbox.link("link", to: "dir1/run")
            let first = try sandbox.commit()
            try sandbox.write("dir0/f0", String(repeating: "new", count: 3000))
            try sandbox.git("rm", "-q", "dir1/f1")
            try sandbox.git("rm", "-q", "dir1/f8")
            try sandbox.write("dir1/f8/now-a-directory", "x")
            try sandbox.git("rm", "-q", "--cached", "dir1/f15")
            try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(sandbox.source)/dir2/f2")
            let second = try sandbox.commit()
            try builder.fetch(sandbox)
            try expectCommit(first, in: builder.checkout(sandbox, 1, first))
            let release = try builder.checkout(sandbox, 2, second)
            try expectCommit(second, in: release)
            #expect(try isShared(release, "dir3/f3"))
            #expect(try isShared(release, "dir1/run"))
            #expect(try !isShared(release, "dir0/f0"))
            // Same bytes, another mode.
            #expect(try isShared(release, "dir2/f2"))
            // What is done to a release does not reach the one before.
            try sandbox.run(["sh", "-c", "echo changed > \(release.path)/dir3/f3"])
            try expectCommit(first, in: builder.checkout(sandbox, 3, first))
        }
    }

    /// In place, and its size and mtime put back: only its ctime tells.
    @Test(arguments: ["xfs", "ext4"], ["sh", "mmap"])
    func aFileThatSomebodyChangedIsWrittenAnew(type: String, how: String) throws {
        let disk = try ImageDisk(in: sandbox, type: type)
        try withExtendedLifetime(disk) {
            for name in ["a", "b", "dir/c"] { try sandbox.write(name, String(repeating: "good\n", count: 4000)) }
            let commit = try sandbox.commit()
            try builder.fetch(sandbox)
            let first = try builder.checkout(sandbox, 1, commit)
            let script =
                how == "sh"
                ? "import os, sys; f = open(sys.argv[1], 'r+b'); f.write(b'evil')"
                : "import mmap, sys; f = open(sys.argv[1], 'r+b'); m = mmap.mmap(f.fileno(), 0); m[0:4] = b'evil'"
            let file = "\(first.path)/dir/c"
            try sandbox.run(["touch", "-r", file, "\(sandbox.path)/time"])
            try sandbox.run(["python3", "-c", script, file])
            try sandbox.run(["touch", "-r", "\(sandbox.path)/time", file])
            #expect(try contents(first, "dir/c").hasPrefix("evil"))
            let second = try builder.checkout(sandbox, 2, commit)
            try expectCommit(commit, in: second)
            if type == "xfs" {
                #expect(try isShared(second, "a"))
                #expect(try !isShared(second, "dir/c"))
            }
        }
    }

    @Test func whereNothingCanBeClonedBytesAreTakenFromMemory() throws {
        let disk = try ImageDisk(in: sandbox, type: "ext4")
        try withExtendedLifetime(disk) {
            try sandbox.write("dir/a", "unchanged\n")
            let commit = try sandbox.commit()
            try builder.fetch(sandbox)
            let first = try builder.checkout(sandbox, 1, commit)
            let root = try DeployRoot.open(sandbox.root)
            let record = try #require(try CheckoutRecords(root).read(first.name))
            let known = try #require(record.folders[Array("dir".utf8)]?[Array("a".utf8)])
            let file = TreePlan.File(name: FileName(literal: "a"), id: known.id, bytes: 10, executable: true)

            /// In a directory of its own, since a file is only ever made.
            func take(_ place: String) throws -> String? {
                let source = try #require(try CheckoutRecords(root).newest(of: root))
                let name = FileName(made: place)
                try root.directory.makeDirectory(name)
                guard let folder = source.folder([FileName(literal: "dir")]) else { return nil }
                guard try folder.take(file, into: root.directory.openDirectory(name)) != nil else { return nil }
                return try String(contentsOfFile: "\(sandbox.root)/\(place)/a", encoding: .utf8)
            }
            #expect(try take("one") == "unchanged\n")
            #expect(access("\(sandbox.root)/one/a", X_OK) == 0)
            // Not even its bytes need to change.
            try sandbox.run(["chmod", "600", "\(first.path)/dir/a"])
            #expect(try take("two") == nil)
            #expect(try files.contentsOfDirectory(atPath: "\(sandbox.root)/two").isEmpty)
        }
    }

    @Test func aLinkInPlaceOfAFolderIsNotFollowed() throws {
        let disk = try ImageDisk(in: sandbox, type: "xfs")
        try withExtendedLifetime(disk) {
            try sandbox.write("dir/a", "good\n")
            let commit = try sandbox.commit()
            try builder.fetch(sandbox)
            let first = try builder.checkout(sandbox, 1, commit)
            try sandbox.run(["mv", "\(first.path)/dir", "\(sandbox.root)/elsewhere"])
            try sandbox.run(["ln", "-s", "\(sandbox.root)/elsewhere", "\(first.path)/dir"])
            let second = try builder.checkout(sandbox, 2, commit)
            try expectCommit(commit, in: second)
            #expect(try !isShared(second, "dir/a"))
        }
    }
}

@Suite struct CheckoutRecordTests {
    private func record() throws -> (CheckoutRecord, Sandbox) {
        let sandbox = try Sandbox()
        try sandbox.write("a/b", "text")
        var status = stat()
        #expect(stat("\(sandbox.source)/a/b", &status) == 0)
        let commit = try #require(CommitID(String(repeating: "0123456789", count: 4)))
        let file = CheckoutRecord.File(id: ObjectID(commit), stamp: .init(status))
        return (
            CheckoutRecord(
                boot: Array("boot".utf8), folders: [Array("a".utf8): [[0xff]: file, Array("b".utf8): file], []: [:]]),
            sandbox
        )
    }

    @Test func itIsReadAsItWasWritten() throws {
        let (record, _) = try record()
        #expect(CheckoutRecord(encoded: record.encoded()) == record)
        #expect(record.newestChange > 1_600_000_000_000_000_000)
    }

    @Test func oneThatWasCutIsNone() throws {
        let bytes = try record().0.encoded()
        for count in 0..<bytes.count { #expect(CheckoutRecord(encoded: Array(bytes[..<count])) == nil) }
        #expect(CheckoutRecord(encoded: bytes + [0]) == nil)
    }

    @Test func oneOfBeforeTheMachineWasStartedIsNotUsed() throws {
        let builder = try InProcess()
        let (record, sandbox) = try record()
        let commit = try sandbox.commit()
        try builder.fetch(sandbox)
        let release = try builder.checkout(sandbox, 1, commit)
        let root = try DeployRoot.open(sandbox.root)
        #expect(try CheckoutRecords(root).read(release.name) != nil)
        try Data(record.encoded()).write(
            to: URL(fileURLWithPath: "\(sandbox.root)/.passenger/checkouts/\(release.name)"))
        #expect(try CheckoutRecords(root).read(release.name) == nil)
        // And goes with its release.
        _ = try builder(.removeRelease(root: sandbox.root, release: release.name))
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(sandbox.root)/.passenger/checkouts").isEmpty)
    }
}
