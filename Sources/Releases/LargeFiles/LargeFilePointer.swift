/// What git-lfs leaves in a repository in place of a file. Deployed in silence, an app serves 130 bytes of text for its video.
/// (github.com/git-lfs/git-lfs/blob/main/docs/spec.md)
struct LargeFilePointer: Equatable, Sendable {
    /// The SHA-256 of the contents, 64 hexadecimal digits: also the name of the file in git-lfs's store.
    var digest: String
    var bytes: Int

    private static let signature = Array("version https://git-lfs.github.com/spec/".utf8)

    /// The specification's own limit for a pointer.
    static func mayBe(size: Int) -> Bool { size >= signature.count && size < 1024 }

    /// Nil for every other file, one that only talks of git-lfs too.
    init?(_ contents: UnsafeRawBufferPointer) {
        guard LargeFilePointer.mayBe(size: contents.count), contents.starts(with: LargeFilePointer.signature) else {
            return nil
        }
        var digest: String?, bytes: Int?
        for line in String(decoding: contents, as: UTF8.self).split(separator: "\n") {
            if line.hasPrefix("oid sha256:") { digest = String(line.dropFirst("oid sha256:".count)) }
            if line.hasPrefix("size ") { bytes = Int(line.dropFirst("size ".count)) }
        }
        guard let digest, let bytes, bytes >= 0, digest.utf8.count == 64,
            digest.utf8.allSatisfy(CommitID.isDigit)
        else { return nil }
        self.digest = digest
        self.bytes = bytes
    }
}

/// A file of a plan whose contents are git-lfs's.
struct LargeFile: Sendable {
    /// The folder's place in the plan.
    var folder: Int
    var file: TreePlan.File
    var pointer: LargeFilePointer
}
