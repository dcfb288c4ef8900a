/// What git-lfs leaves in a repository in place of a file. Deployed in silence, an app serves 130 bytes of text for its video.
enum LargeFilePointer {
    private static let signature = Array("version https://git-lfs.github.com/spec/".utf8)

    /// The specification's own limit for a pointer.
    static func mayBe(size: Int) -> Bool { size >= signature.count && size < 1024 }

    static func matches(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.starts(with: signature) }

    static func failure(path: String) -> BuilderFailure {
        BuilderFailure(
            .lfsPointer, "\(path) is a pointer to a file that git-lfs keeps elsewhere; git-lfs is not supported yet",
            hint: "put the file into the repository itself, or download it in a build step", path: path)
    }
}
