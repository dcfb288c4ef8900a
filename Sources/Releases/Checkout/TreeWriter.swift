import Glibc
import Linux
import Synchronization

/// Writes a plan's entries: folders and links first, then the files, by several threads. Most of a file's time is the
/// kernel's (a name, an inode) and zlib's, and both go on in parallel in different folders.
final class TreeWriter: Sendable {
    private struct Job {
        var folder: Int
        var files: Range<Int>
    }

    /// Small enough that no thread is left alone with the rest, large enough that opening the folder does not count.
    private static let jobFiles = 64
    /// More only wait for each other, at the file system's journal.
    private static let maxThreads = 8

    private let plan: TreePlan
    private let mirrorPath: String
    private let reuse: ReuseSource?
    private let cancellation: Cancellation
    private let progress: CheckoutProgress
    private let jobs: [Job]
    private let nextJob = Atomic<Int>(0)
    private let failure = Mutex<BuilderFailure?>(nil)
    private let record = Mutex(CheckoutRecord())

    init(
        plan: TreePlan, mirrorPath: String, reuse: ReuseSource?, events: EventWriter, cancellation: Cancellation
    ) {
        self.plan = plan
        self.mirrorPath = mirrorPath
        self.reuse = reuse
        self.cancellation = cancellation
        progress = CheckoutProgress(events: events, files: plan.files, bytes: plan.bytes)
        jobs = plan.folders.indices.flatMap { folder in
            let count = plan.folders[folder].files.count
            return stride(from: 0, to: count, by: TreeWriter.jobFiles).map { start in
                Job(folder: folder, files: start..<min(start + TreeWriter.jobFiles, count))
            }
        }
    }

    /// Into an empty directory. Returns what it wrote.
    func write(to root: borrowing Directory) throws(BuilderFailure) -> CheckoutRecord {
        try makeFolders(in: 0, root)
        let threads = min(TreeWriter.maxThreads, max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))), jobs.count)
        let (number, path) = (root.descriptor.number, root.path)
        runThreads(threads, name: "checkout") { [self] in work(root: number, path) }
        if let failure = failure.withLock({ $0 }) { throw failure }
        return record.withLock { $0 }
    }

    private func makeFolders(in place: Int, _ directory: borrowing Directory) throws(BuilderFailure) {
        try cancellation.check()
        for link in plan.folders[place].links { try directory.makeLink(link.name, target: link.target) }
        for child in plan.folders[place].children {
            guard let name = plan.folders[child].path.last else { continue }
            try directory.makeDirectory(name)
            if plan.folders[child].links.isEmpty && plan.folders[child].children.isEmpty { continue }
            try makeFolders(in: child, directory.openDirectory(name))
        }
    }

    // MARK: On each thread

    private func work(root: Int32, _ path: String) {
        do throws(BuilderFailure) {
            // One for each thread: objects are found under locks otherwise.
            let mirror = try Repository.open(mirrorPath)
            while failure.withLock({ $0 == nil }) {
                let index = nextJob.add(1, ordering: .relaxed).oldValue
                guard index < jobs.count else { return }
                try write(jobs[index], from: mirror, root: Directory.reopening(root, path: path))
            }
        } catch {
            failure.withLock { $0 = $0 ?? error }
        }
    }

    private func write(
        _ job: Job, from mirror: borrowing Repository, root: consuming Directory
    ) throws(BuilderFailure) {
        let folder = plan.folders[job.folder]
        var directory = root
        for name in folder.path { directory = try directory.openDirectory(name) }
        let before = reuse?.folder(folder.path)
        var written: CheckoutRecord.Folder = [:]
        for file in folder.files[job.files] {
            try cancellation.check()
            var status = try taken(file, from: before, into: directory)
            if status == nil { status = try write(file, of: folder, from: mirror, to: directory) }
            guard let status else { continue }
            written[file.name.bytes] = CheckoutRecord.File(id: file.id, stamp: .init(status))
            progress.wrote(file.bytes)
        }
        record.withLock { $0.folders[CheckoutRecord.key(folder.path), default: [:]].merge(written) { $1 } }
    }

    private func taken(
        _ file: TreePlan.File, from folder: borrowing ReusableFolder?, into directory: borrowing Directory
    ) throws(BuilderFailure) -> stat? {
        switch folder {
        case .some(let folder): return try folder.take(file, into: directory)
        case nil: return nil
        }
    }

    private func write(
        _ file: TreePlan.File, of folder: TreePlan.Folder, from mirror: borrowing Repository,
        to directory: borrowing Directory
    ) throws(BuilderFailure) -> stat {
        try mirror.withBlob(file.id) { (contents) throws(BuilderFailure) in
            guard contents.count == file.bytes else {
                throw BuilderFailure(
                    .damagedRepository,
                    "\(directory.join(file.name)) has \(contents.count) bytes, not \(file.bytes)")
            }
            if LargeFilePointer.mayBe(size: contents.count), LargeFilePointer.matches(contents) {
                throw LargeFilePointer.failure(
                    path: (folder.path + [file.name]).map(\.description).joined(separator: "/"))
            }
            return try directory.createFile(file.name, mode: file.mode, contents: contents)
        }
    }
}
