/// A commit's tree, read whole and found fit to be written, before anything is.
struct TreePlan: Sendable {
    struct File: Sendable {
        var name: FileName
        var id: ObjectID
        var bytes: Int
        var executable: Bool
        var mode: UInt32 { executable ? 0o755 : 0o644 }
    }

    struct Link: Sendable {
        var name: FileName
        var target: [UInt8]
    }

    struct Folder: Sendable {
        /// From the root of the release.
        var path: [FileName]
        var files: [File] = []
        var links: [Link] = []
        /// The folders in it, by their place in `folders`.
        var children: [Int] = []
    }

    /// The first is the root.
    var folders: [Folder] = []
    /// The tree has a REVISION of its own, which is in no folder: the release's takes its place.
    var tracksRevision = false
    var files = 0
    var bytes = 0
    /// Entries of every kind: each needs an inode.
    var inodes = 0

    /// Files rounded up to whole blocks, and a block for each entry's inode and name.
    func diskBytes(blockSize: Int) -> Int { bytes + (files + inodes) * blockSize }
}
