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
        root: borrowing DeployRoot, number: DeployNumber, commit: CommitID,
        options: CheckoutOptions = CheckoutOptions()
    ) throws(BuilderFailure) -> CheckedOutRelease {
        let name = ReleaseName(number: number, commit: commit)
        let releases = try root.releases()
        guard try releases.status(FileName(name)) == nil else {
            throw BuilderFailure(.releaseExists, "release \(name) exists already", path: "releases/\(name)")
        }
        let mirrors = SubmoduleMirrors(rootPath: root.path, events: events, cancellation: cancellation)
        var reader = TreeReader(
            options: options, mirrors: mirrors, events: events, cancellation: cancellation)
        let plan = try reader.read(commit, mirrorPath: root.mirrorPath)
        let free = try space(releases)
        try free.require(
            bytes: plan.diskBytes(blockSize: free.blockSize), inodes: plan.inodes + 2, for: "release \(name)",
            in: releases.path)

        let temporary = FileName.temporary(.checkout, number: number)
        let record: CheckoutRecord
        do throws(BuilderFailure) {
            try releases.makeDirectory(temporary)
            record = try write(plan, options, commit: commit, root: root, to: releases.openDirectory(temporary))
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
        mirrors.clean(keeping: plan.sources.map(\.mirrorPath))
        // Nobody has had the release's path yet, so what is recorded is still what is there.
        try? CheckoutRecords(root).write(record, of: name)
        return CheckedOutRelease(
            name: name, path: releases.join(FileName(name)), files: plan.files, bytes: plan.bytes)
    }

    private func write(
        _ plan: TreePlan, _ options: CheckoutOptions, commit: CommitID, root: borrowing DeployRoot,
        to directory: consuming Directory
    ) throws(BuilderFailure) -> CheckoutRecord {
        if plan.tracksRevision {
            events.note("the REVISION in the repository gives way to the one of the release")
        }
        let writer = TreeWriter(
            plan: plan, reuse: reusable(root), fetchesLargeFiles: options.lfs, events: events,
            cancellation: cancellation)
        let written = try writer.write(to: directory)
        if options.lfs {
            let largeFiles = LargeFiles(plan: plan, events: events, cancellation: cancellation)
            try largeFiles.write(written.largeFiles, to: directory)
        } else if !written.largeFiles.isEmpty {
            events.note("\(written.largeFiles.count) pointers of git-lfs are deployed as they are: deploy.lfs is off")
        }
        let line = Array("\(commit)\n".utf8)
        try line.withUnsafeBufferPointer { (bytes) throws(BuilderFailure) in
            _ = try directory.createFile(.revision, mode: 0o644, contents: UnsafeRawBufferPointer(bytes))
        }
        try directory.flushFileSystem()
        return written.record
    }

    /// It only saves work, so whatever is wrong with it is no reason to fail.
    private func reusable(_ root: borrowing DeployRoot) -> ReuseSource? {
        do throws(BuilderFailure) {
            let records = try CheckoutRecords(root)
            try records.clean(root)
            return try records.newest(of: root)
        } catch {
            return nil
        }
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
