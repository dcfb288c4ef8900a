import Glibc
import Linux

/// Looks at a root that Capistrano deployed to. With the rights of whoever deploys there: all of it is theirs, and may be anything.
package enum CapistranoRoot {
    private static let logName = FileName(literal: "revisions.log")

    package static func read(_ path: String) throws(BuilderFailure) -> CapistranoFinding {
        let root = try Directory.openRoot(path)
        guard let releasesStatus = try root.status(DeployRoot.releasesName) else {
            return .unfit(reason: "it has no releases/")
        }
        guard releasesStatus.isDirectory else { return .unfit(reason: "its releases/ is not a directory") }
        guard let currentStatus = try root.status(DeployRoot.currentName) else {
            return .unfit(reason: "it has releases/, and no `current`")
        }
        guard currentStatus.isLink else { return .unfit(reason: "its `current` is not a link") }
        let link = ReleaseLink(try root.readLink(DeployRoot.currentName), in: root)
        guard let current = link.release, current.moment != nil else {
            return .unfit(
                reason: "its `current` leads to \(link.target), which is no release that Capistrano made there")
        }
        let releases = try root.openDirectory(DeployRoot.releasesName)
        guard try releases.status(FileName(current))?.isDirectory == true else {
            return .unfit(reason: "its `current` leads to \(link.target), which is not there")
        }
        var takeover = try takeover(current, root, releases)
        takeover.sharedLinks = try SharedLinkFinder(root, alsoAt: link.rootPath).find(in: current)
        takeover.repository = try CapistranoMirror.repository(of: root)
        return .takeover(takeover)
    }

    private static func takeover(
        _ current: ReleaseName, _ root: borrowing Directory, _ releases: borrowing Directory
    ) throws(BuilderFailure) -> CapistranoTakeover {
        let (log, problem) = try readLog(root)
        var present: Set<ReleaseName> = []
        for entry in try releases.entries() {
            guard let name = ReleaseName(entry.description), try releases.status(entry)?.isDirectory == true else {
                continue
            }
            present.insert(name)
        }
        var revisions: [ReleaseName: String] = [:]
        for name in present where name == current || log?.deployed[name] != nil {
            revisions[name] = readRevision(name, releases)
        }
        var takeover = CapistranoTakeover(current: current, log: log, present: present) { revisions[$0] }
        if let problem { takeover.warnings.insert(problem, at: 0) }
        return takeover
    }

    /// What it ends with: the newest deploys are there.
    private static func readLog(_ root: borrowing Directory) throws(BuilderFailure) -> (RevisionLog?, String?) {
        guard let found = try root.status(logName) else { return (nil, nil) }
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
        guard found.isRegularFile,
            let file = try? openFile(logName.description, flags: flags, directory: root.descriptor.number)
        else { return (RevisionLog(), "revisions.log is not a file that can be read, and is not looked at") }
        let size = Int(found.st_size)
        let isCut = size > RevisionLog.maxBytes
        if isCut { lseek(file.number, off_t(size - RevisionLog.maxBytes), SEEK_SET) }
        do throws(SystemError) {
            // It may have grown since.
            var bytes = try Array(readAll(file.number, limit: RevisionLog.maxBytes * 2).prefix(RevisionLog.maxBytes))
            if isCut { bytes.removeFirst((bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count - 1) + 1) }
            let note = isCut ? "revisions.log is longer than 1 MiB: only the end of it is looked at" : nil
            return (RevisionLog(bytes), note)
        } catch {
            return (RevisionLog(), "revisions.log cannot be read, and is not looked at: \(error.reason)")
        }
    }

    private static func readRevision(_ name: ReleaseName, _ releases: borrowing Directory) -> String? {
        // Whatever is wrong with it is no reason not to take the release over: its commit is not known, then.
        guard let release = try? releases.openDirectory(FileName(name)),
            let file = try? openFile(
                FileName.revision.description, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
                directory: release.descriptor.number),
            let bytes = try? readAll(file.number, limit: 200)
        else { return nil }
        let text = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        guard (7...40).contains(text.utf8.count), text.utf8.allSatisfy(CommitID.isDigit) else { return nil }
        return text
    }
}
