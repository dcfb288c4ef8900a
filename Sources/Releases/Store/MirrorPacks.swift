/// Each fetch adds a pack to the mirror, and each object is looked for in all of them. When they are many, git makes one of
/// them; libgit2 could only by working out every delta again. Without git they stay, which costs time and nothing else.
struct MirrorPacks {
    var events: EventWriter
    var cancellation: Cancellation

    static let most = 50

    func repackWhenMany(_ root: borrowing DeployRoot) {
        do throws(BuilderFailure) {
            guard ChildProcess.find("git") != nil, try count(root) > MirrorPacks.most else { return }
            events.note("the mirror's packs are put together")
            // Commits that no branch leads to any more stay: a deploy of one may be resumed.
            let child = try ChildProcess(
                ["git", "--git-dir=\(root.mirrorPath)", "repack", "-a", "-d", "-q", "--keep-unreachable"])
            child.closeInput()
            let result = try child.output(cancellation)
            guard !result.succeeded else { return }
            events.warn("the mirror's packs could not be put together: \(result.errors)")
        } catch {
            events.warn("the mirror's packs could not be put together: \(error.message)")
        }
    }

    func count(_ root: borrowing DeployRoot) throws(BuilderFailure) -> Int {
        var directory = try root.directory.openDirectory(DeployRoot.mirrorName)
        for name in ["objects", "pack"] { directory = try directory.openDirectory(FileName(made: name)) }
        return try directory.entries().filter { $0.bytes.suffix(5) == ArraySlice(".pack".utf8) }.count
    }
}
