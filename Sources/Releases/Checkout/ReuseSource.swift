import Glibc
import Linux
import Synchronization

/// The release before, as far as its files still hold what was checked out. What the new commit has too is taken from there: as
/// a clone, which copies no bytes, where the file system can share extents (XFS, Btrfs); elsewhere its bytes, when they are in memory
/// anyway, which is less work than to unpack them again.
///
/// A build or a person may have changed any of the files since, and may be changing one now. So the record is compared with
/// the *open* file, *after* its bytes were taken: had they been any other by then, its ctime would have moved before them.
/// What does not match is written from the mirror.
final class ReuseSource: Sendable {
    private let release: Int32
    private let record: CheckoutRecord
    /// False from the first time that the file system says no.
    private let canClone = Atomic<Bool>(true)

    /// Nil on file systems whose ctime is not known to be exact, network ones above all.
    init?(release: consuming Directory, record: CheckoutRecord) {
        guard hasExactChangeTimes(release.descriptor.number) else { return nil }
        self.release = release.intoDescriptor().release()
        self.record = record
    }

    deinit { close(release) }

    /// A folder of it; nil when nothing can be had from there.
    func folder(_ path: [FileName]) -> ReusableFolder? {
        guard let files = record.folders[CheckoutRecord.key(path)] else { return nil }
        var current = Descriptor(owning: openat(release, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        for name in path {
            let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
            current = Descriptor(owning: name.withCString { openat(current.number, $0, flags) })
        }
        guard current.number >= 0 else { return nil }
        return ReusableFolder(files: files, directory: current, source: self)
    }

    fileprivate func fileSystemRefused() { canClone.store(false, ordering: .relaxed) }
    fileprivate var mayClone: Bool { canClone.load(ordering: .relaxed) }
}

/// One folder of the release before.
struct ReusableFolder: ~Copyable {
    private let files: CheckoutRecord.Folder
    private let directory: Descriptor
    private let source: ReuseSource

    /// Larger files are read from the mirror, rather than held in memory.
    private static let mostCopied = 4 << 20

    fileprivate init(files: CheckoutRecord.Folder, directory: consuming Descriptor, source: ReuseSource) {
        self.files = files
        self.directory = directory
        self.source = source
    }

    /// Makes `file` in `target` from its namesake here. Nil, and no file, when it has to be written from the mirror; throws only
    /// for what would befall that as well.
    func take(_ file: TreePlan.File, into target: borrowing Directory) throws(BuilderFailure) -> stat? {
        guard let known = files[file.name.bytes], known.id == file.id, known.stamp.size == Int64(file.bytes) else {
            return nil
        }
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        let original = Descriptor(owning: file.name.withCString { openat(directory.number, $0, flags) })
        guard original.number >= 0 else { return nil }
        if source.mayClone {
            switch try target.cloneFile(file.name, mode: file.mode, from: original.number) {
            case .cloned(let status):
                if isUnchanged(original, known), status.st_size == file.bytes { return status }
                try target.removeFile(file.name)
                return nil
            case .refused: return nil
            case .unsupported: source.fileSystemRefused()
            }
        }
        // From memory or not at all: to read thousands of small files from a disk takes longer than the mirror.
        guard file.bytes <= ReusableFolder.mostCopied, let bytes = readCached(original.number, count: file.bytes),
            isUnchanged(original, known)
        else { return nil }
        return try bytes.withUnsafeBufferPointer { (bytes) throws(BuilderFailure) in
            try target.createFile(file.name, mode: file.mode, contents: UnsafeRawBufferPointer(bytes))
        }
    }

    private func isUnchanged(_ original: borrowing Descriptor, _ known: CheckoutRecord.File) -> Bool {
        var now = stat()
        return fstat(original.number, &now) == 0 && CheckoutRecord.Stamp(now) == known.stamp
    }
}
