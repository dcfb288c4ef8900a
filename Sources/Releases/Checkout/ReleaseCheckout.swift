import Model

/// Turns a commit into a release directory: whole, flushed, and only then under its name.
struct ReleaseCheckout {
    var events: EventWriter
    var cancellation: Cancellation
    /// Replaced by tests that need a disk to fill up in the middle.
    var space: @Sendable (borrowing Directory) throws(BuilderFailure) -> DiskSpace = {
        (directory) throws(BuilderFailure) in try DiskSpace.read(directory)
    }

    func run(
        root: borrowing DeployRoot, number: DeployNumber, commit: CommitID
    ) throws(BuilderFailure) -> CheckedOutRelease {
        let name = ReleaseName(number: number, commit: commit)
        let releases = try root.releases()
        guard try releases.status(FileName(name)) == nil else {
            throw BuilderFailure(.releaseExists, "release \(name) exists already", path: "releases/\(name)")
        }
        let mirror = try Repository.open(root.mirrorPath)
        let plan = try TreeReader.read(commit, from: mirror, cancellation: cancellation)
        let free = try space(releases)
        try free.require(
            bytes: plan.diskBytes(blockSize: free.blockSize), inodes: plan.inodes + 2, for: "release \(name)",
            in: releases.path)

        let temporary = FileName.temporary(.checkout, number: number)
        do throws(BuilderFailure) {
            try releases.makeDirectory(temporary)
            try write(plan, commit: commit, from: mirror, to: releases.openDirectory(temporary))
            try cancellation.check()
            try releases.rename(temporary, to: FileName(name), in: releases)
        } catch {
            removeRemains(temporary, in: releases)
            throw error
        }
        do throws(BuilderFailure) {
            try releases.sync()
        } catch {
            // The disk did not take the name for certain: better no release than one that a power loss takes away.
            try releases.rename(FileName(name), to: temporary, in: releases)
            removeRemains(temporary, in: releases)
            throw error
        }
        return CheckedOutRelease(
            name: name, path: releases.join(FileName(name)), files: plan.files, bytes: plan.bytes)
    }

    private func write(
        _ plan: TreePlan, commit: CommitID, from mirror: borrowing Repository, to directory: consuming Directory
    ) throws(BuilderFailure) {
        var writer = TreeWriter(plan: plan, events: events, cancellation: cancellation)
        try writer.write(plan.entries.filter { $0.name != .revision }, from: mirror, to: directory)
        if plan.entries.contains(where: { $0.name == .revision }) {
            events.note("the REVISION in the repository gives way to the one of the release")
        }
        let line = Array("\(commit)\n".utf8)
        try line.withUnsafeBufferPointer { (bytes) throws(BuilderFailure) in
            try directory.createFile(.revision, mode: 0o644, contents: UnsafeRawBufferPointer(bytes))
        }
        try directory.flushFileSystem()
    }

    private func removeRemains(_ temporary: FileName, in releases: borrowing Directory) {
        do throws(BuilderFailure) {
            try releases.removeTree(temporary)
        } catch {
            events.warn("\(error.message); the next deploy tries again")
        }
    }
}

extension FileName {
    static let revision = FileName(literal: "REVISION")
}
