import Glibc

/// Takes one archive into the mirror of a deploy root, as the deploy user, and says which commit it has become.
package enum ArchiveProcess {
    /// `archive` is read from where it stands; `output` gets one `BuilderEvent`. The exit status is 0, or 1 after a failure.
    package static func run(root: String, archive: Int32, output: Int32) -> Int32 {
        signal(SIGPIPE, SIG_IGN)
        umask(0o022)
        let events = EventWriter(output: output)
        let libgit2 = LibGit2()
        // Each object for itself would take a hundred times as long: all of them are flushed at the end.
        LibGit2.flushesEachObject(false)
        return withExtendedLifetime(libgit2) {
            do throws(BuilderFailure) {
                let root = try DeployRoot.prepare(root)
                let cancellation: Cancellation
                do { cancellation = try Cancellation() } catch { throw .system(EMFILE, "start") }
                let commit = try ArchiveImport.run(
                    DescriptorSource(descriptor: archive), into: Repository.open(root.mirrorPath),
                    cancellation: cancellation)
                try root.directory.flushFileSystem()
                events.send(.ok(.imported(commit)))
                return 0
            } catch {
                events.send(.error(error))
                return 1
            }
        }
    }
}
