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
    private let reuse: ReuseSource?
    private let cancellation: Cancellation
    private let progress: CheckoutProgress
    private let jobs: [Job]
    private let nextJob = Atomic<Int>(0)
    private let failure = Mutex<BuilderFailure?>(nil)
    private let record = Mutex(CheckoutRecord())
    private let largeFiles = Mutex<[LargeFile]>([])
    private let fetchesLargeFiles: Bool

    init(
        plan: TreePlan, reuse: ReuseSource?, fetchesLargeFiles: Bool, events: EventWriter,
        cancellation: Cancellation
    ) {
        self.plan = plan
        self.reuse = reuse
        self.fetchesLargeFiles = fetchesLargeFiles
        self.cancellation = cancellation
        progress = CheckoutProgress(events: events, files: plan.files, bytes: plan.bytes)
        jobs = plan.folders.indices.flatMap { folder in
            let count = plan.folders[folder].files.count
            return stride(from: 0, to: count, by: TreeWriter.jobFiles).map { start in
                Job(folder: folder, files: start..<min(start + TreeWriter.jobFiles, count))
            }
        }
    }

    struct Written {
        var record: CheckoutRecord
        /// Pointers to files that git-lfs keeps elsewhere. If those are to be fetched, nothing is in their places.
        var largeFiles: [LargeFile]
    }

    /// Into an empty directory.
    func write(to root: borrowing Directory) throws(BuilderFailure) -> Written {
        try makeFolders(in: 0, root)
        let threads = min(TreeWriter.maxThreads, max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))), jobs.count)
        let (number, path) = (root.descriptor.number, root.path)
        runThreads(threads, name: "checkout") { [self] in work(root: number, path) }
        if let failure = failure.withLock({ $0 }) { throw failure }
        return Written(record: record.withLock { $0 }, largeFiles: largeFiles.withLock { $0 })
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
            // For each thread its own: objects are found under locks otherwise.
            let mirrors = OpenMirrors(plan.sources)
            while failure.withLock({ $0 == nil }) {
                let index = nextJob.add(1, ordering: .relaxed).oldValue
                guard index < jobs.count else { return }
                try write(jobs[index], from: mirrors, root: Directory.reopening(root, path: path))
            }
        } catch {
            failure.withLock { $0 = $0 ?? error }
        }
    }

    private func write(
        _ job: Job, from mirrors: OpenMirrors, root: consuming Directory
    ) throws(BuilderFailure) {
        let folder = plan.folders[job.folder]
        var directory = root
        for name in folder.path { directory = try directory.openDirectory(name) }
        let before = reuse?.folder(folder.path)
        var written: CheckoutRecord.Folder = [:]
        for file in folder.files[job.files] {
            try cancellation.check()
            var status = try taken(file, from: before, into: directory)
            if status == nil {
                status = try write(file, of: job, from: mirrors.mirror(folder.source), to: directory)
            }
            progress.wrote(file.bytes)
            guard let status else { continue }
            written[file.name.bytes] = CheckoutRecord.File(id: file.id, stamp: .init(status))
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
        _ file: TreePlan.File, of job: Job, from mirror: OpenMirrors.Mirror,
        to directory: borrowing Directory
    ) throws(BuilderFailure) -> stat? {
        try mirror.repository.withBlob(file.id) { (contents) throws(BuilderFailure) in
            guard contents.count == file.bytes else {
                throw BuilderFailure(
                    .damagedRepository,
                    "\(directory.join(file.name)) has \(contents.count) bytes, not \(file.bytes)")
            }
            if let pointer = LargeFilePointer(contents) {
                largeFiles.withLock { $0.append(LargeFile(folder: job.folder, file: file, pointer: pointer)) }
                if fetchesLargeFiles { return nil }
            }
            return try directory.createFile(file.name, mode: file.mode, contents: contents)
        }
    }
}

/// The repositories of a plan, opened when they are first needed.
private final class OpenMirrors {
    final class Mirror {
        let repository: Repository
        init(_ repository: consuming Repository) { self.repository = repository }
    }
    private let sources: [TreePlan.Source]
    private var open: [Int: Mirror] = [:]

    init(_ sources: [TreePlan.Source]) { self.sources = sources }

    func mirror(_ source: Int) throws(BuilderFailure) -> Mirror {
        if let mirror = open[source] { return mirror }
        let mirror = Mirror(try Repository.open(sources[source].mirrorPath))
        open[source] = mirror
        return mirror
    }
}
