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
        /// Which of `sources` has its objects.
        var source = 0
        var files: [File] = []
        var links: [Link] = []
        /// The folders in it, by their place in `folders`.
        var children: [Int] = []
    }

    /// A repository that part of the tree is from: the app's own, or a submodule's.
    struct Source: Sendable {
        var mirrorPath: String
        var commit: ObjectID
        /// What it was fetched from, as far as that is known.
        var url: String?
    }

    /// The first is the app's own.
    var sources: [Source] = []
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
