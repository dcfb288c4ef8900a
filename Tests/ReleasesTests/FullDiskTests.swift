import Foundation
import Glibc
import Model
import Testing

@testable import Releases

/// A small tmpfs in a sandbox, as the deploy root.
private final class SmallDisk {
    let path: String
    init(in sandbox: Sandbox, megabytes: Int, inodes: Int = 4096) throws {
        path = sandbox.root
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try sandbox.run(["mount", "-t", "tmpfs", "-o", "size=\(megabytes)m,nr_inodes=\(inodes)", "tmpfs", path])
    }
    deinit { umount2(path, Int32(MNT_DETACH)) }
}

@Suite(.serialized, .timeLimit(.minutes(5)), .enabled(if: getuid() == 0, "only root may mount a small disk"))
struct FullDiskTests {
    let builder: InProcess
    let sandbox: Sandbox
    private let files = FileManager.default

    init() throws {
        builder = try InProcess()
        sandbox = try Sandbox()
    }

    private func expectNoRelease() throws {
        #expect(try files.contentsOfDirectory(atPath: "\(sandbox.root)/releases").isEmpty)
    }

    @Test func aDiskThatIsTooSmallIsSaidBeforeAnythingIsMade() throws {
        let disk = try SmallDisk(in: sandbox, megabytes: 2)
        try withExtendedLifetime(disk) {
            let error = try failure { _ = try builder(.prepareRoot(root: sandbox.root)) }
            #expect(error.code == .noSpace)
            #expect(error.hint != nil)
            #expect(try files.contentsOfDirectory(atPath: sandbox.root).isEmpty)
        }
    }

    @Test func eachFileSystemOfARootIsLookedAt() throws {
        _ = try builder(.prepareRoot(root: sandbox.root))
        for room in ["shared", "releases", "repo.git"] {
            let place = "\(sandbox.root)/\(room)"
            try sandbox.run(["mount", "-t", "tmpfs", "-o", "size=2m,nr_inodes=4096", "tmpfs", place])
            defer { umount2(place, Int32(MNT_DETACH)) }
            let error = try failure { _ = try builder(.prepareRoot(root: sandbox.root)) }
            #expect(error.code == .noSpace)
            #expect(error.path == place)
            // What is needed, and what there is.
            #expect(error.message.contains("needs 8.0 MiB") && error.message.contains("there are 2.0 MiB"), "\(error)")
        }
    }

    @Test func aReleaseThatDoesNotFitIsRefusedBeforehand() throws {
        let disk = try SmallDisk(in: sandbox, megabytes: 16)
        try withExtendedLifetime(disk) {
            // Compresses to nothing in the mirror, and needs ten megabytes as a release.
            try sandbox.write("big", String(repeating: "0", count: 10 << 20))
            let commit = try sandbox.commit()
            try builder.fetch(sandbox)
            let error = try failure { try builder.checkout(sandbox, 1, commit) }
            #expect(error.code == .noSpace)
            #expect(error.message.contains("needs 18.0 MiB"), "\(error)")
            try expectNoRelease()
        }
    }

    @Test func tooFewInodesAreNoticedToo() throws {
        let disk = try SmallDisk(in: sandbox, megabytes: 64, inodes: 200)
        try withExtendedLifetime(disk) {
            for number in 0..<150 { try sandbox.write("f\(number)", "") }
            let commit = try sandbox.commit()
            try builder.fetch(sandbox)
            let error = try failure { try builder.checkout(sandbox, 1, commit) }
            #expect(error.code == .noSpace)
            #expect(error.message.contains("inodes"))
            try expectNoRelease()
        }
    }

    @Test(arguments: [true, false])
    func aDiskThatFillsUpInTheMiddleLeavesNoHalfRelease(bytes: Bool) throws {
        let disk = try SmallDisk(in: sandbox, megabytes: 12, inodes: 200)
        try withExtendedLifetime(disk) {
            if bytes {
                for number in 0..<16 {
                    try sandbox.write("dir/f\(number)", String(repeating: "x\(number)", count: 500_000))
                }
            } else {
                for number in 0..<190 { try sandbox.write("dir/f\(number)", "\(number)") }
            }
            let commit = try sandbox.commit()
            try builder.fetch(sandbox)
            // As if somebody else took the space after the check.
            let checkout = ReleaseCheckout(
                events: builder.events, cancellation: builder.cancellation,
                space: { _ in DiskSpace(bytes: 1 << 40, inodes: nil, blockSize: 4096) })
            let error = try failure {
                _ = try checkout.run(root: DeployRoot.open(sandbox.root), number: DeployNumber(1), commit: commit)
            }
            #expect(error.code == .noSpace)
            #expect(error.path?.contains("dir/f") == true)
            try expectNoRelease()
        }
    }

    @Test(.enabled(if: BuilderChild.executable != nil, "the passenger binary is not built"))
    func aFetchThatDoesNotFitSaysSo() throws {
        let disk = try SmallDisk(in: sandbox, megabytes: 12)
        try withExtendedLifetime(disk) {
            // Does not compress.
            try sandbox.run(["dd", "if=/dev/urandom", "of=\(sandbox.source)/noise", "bs=1M", "count=16", "status=none"])
            try sandbox.commit()
            let child = try BuilderChild()
            #expect(try child.ask(.prepareRoot(root: sandbox.root)).answer == .ok(.done))
            let answer = try child.ask(.fetch(root: sandbox.root, url: sandbox.source, ref: nil)).answer
            guard case .error(let error) = answer else {
                Issue.record("not a failure: \(String(describing: answer))")
                return
            }
            #expect(error.code == .noSpace, "\(error)")
            // What it stored of the pack is gone with the next fetch or clean-up.
            let next = try BuilderChild()
            #expect(try next.ask(.cleanTemporary(root: sandbox.root)).answer == .ok(.done))
            #expect(try DiskSpace.read(DeployRoot.open(sandbox.root).directory).bytes > 10 << 20)
        }
    }
}
