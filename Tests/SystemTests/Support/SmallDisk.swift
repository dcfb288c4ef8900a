import Foundation
import Glibc
import Linux
import Testing

/// A tmpfs of its own over a directory, for as long as this lives. Only root may.
final class SmallDisk {
    static let canBeMade = geteuid() == 0
    static let needed: Comment = "only root may mount a small disk"

    let path: String
    private let place: Place

    /// `options` are tmpfs(5)'s: `size=8m`, `nr_inodes=300`.
    init(at path: String, _ options: String, in place: Place) throws {
        self.path = path
        self.place = place
        let end = try Program(
            ["mount", "-t", "tmpfs", "-o", "\(options),mode=755", "tmpfs", path],
            environment: ProcessInfo.plainEnvironment, in: place
        ).wait()
        guard end.status == 0 else { throw HTTPFailure("mount: \(end.everything)") }
    }

    deinit { umount2(path, Int32(MNT_DETACH)) }

    /// Takes all bytes.
    func fill() throws { try run("dd if=/dev/zero of=\"$0/filler-$$\" bs=4k status=none 2>/dev/null; true") }

    /// Takes all inodes.
    func fillInodes() throws {
        try run("mkdir -p \"$0/filler\"; i=0; while true > \"$0/filler/$i\"; do i=$((i+1)); done 2>/dev/null; true")
    }

    func empty() throws { try run("rm -rf \"$0\"/filler*") }

    private func run(_ script: String) throws {
        let end = try Program(["sh", "-c", script, path], environment: ProcessInfo.plainEnvironment, in: place).wait()
        try #require(end.status == 0, "\(end.everything)")
    }
}
