import Glibc
import Linux

/// Has git-lfs fetch what a plan's pointers stand for, and writes it in their places. Its store is `lfs/` in the mirror that
/// has the pointers, and holds only what the newest release needs.
struct LargeFiles {
    var plan: TreePlan
    var events: EventWriter
    var cancellation: Cancellation

    func write(_ files: [LargeFile], to root: borrowing Directory) throws(BuilderFailure) {
        guard let first = files.first else { return }
        guard ChildProcess.find("git-lfs") != nil, ChildProcess.find("git") != nil else {
            let others =
                files.count > 1 ? " and \(files.count - 1) others are pointers to files" : " is a pointer to a file"
            throw BuilderFailure(
                .lfsPointer, "\(path(first))\(others) that git-lfs keeps elsewhere, and git-lfs is not installed here",
                hint:
                    "install it (Debian: apt-get install git-lfs), or set deploy.lfs: false to deploy pointers as they are",
                path: path(first))
        }
        let bytes = files.reduce(0) { $0 + $1.pointer.bytes }
        // Once in the store, once in the release.
        let free = try DiskSpace.read(root)
        try free.require(
            bytes: 2 * (bytes + files.count * free.blockSize), inodes: 2 * files.count, for: "what git-lfs fetches",
            in: root.path)
        for (source, files) in Dictionary(grouping: files, by: { plan.folders[$0.folder].source }) {
            try fetch(files, of: plan.sources[source])
            for file in files { try write(file, from: plan.sources[source], to: root) }
            prune(plan.sources[source], keeping: Set(files.map(\.pointer.digest)))
        }
    }

    private func path(_ file: LargeFile) -> String {
        (plan.folders[file.folder].path + [file.file.name]).map(\.description).joined(separator: "/")
    }

    private static func place(_ pointer: LargeFilePointer, in source: TreePlan.Source) -> String {
        let digest = pointer.digest
        return "\(source.mirrorPath)/lfs/objects/\(digest.prefix(2))/\(digest.dropFirst(2).prefix(2))/\(digest)"
    }

    private func fetch(_ files: [LargeFile], of source: TreePlan.Source) throws(BuilderFailure) {
        guard let url = source.url else {
            throw BuilderFailure(
                .lfsPointer, "\(path(files[0])) is kept by git-lfs, and where the repository is from is not known",
                path: path(files[0]))
        }
        events.note("git-lfs fetches \(files.count) \(files.count == 1 ? "file" : "files")")
        // Nothing that the repository or a person excludes from fetches is left out. The URL may hold a token, so it goes by environment: arguments are for all to see.
        let result = try run(
            [
                "git", "--git-dir=\(source.mirrorPath)", "lfs", "fetch", "--include=", "--exclude=", "passenger",
                source.commit.hex,
            ],
            environment: [
                "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=remote.passenger.url",
                "GIT_CONFIG_VALUE_0=\(url)",
            ])
        guard result.succeeded else {
            let said = result.errors.split(separator: "\n").suffix(5).joined(separator: "; ")
            throw BuilderFailure(
                .lfsPointer, "git-lfs could not fetch what \(path(files[0])) and others stand for: \(said)",
                hint: "try it by hand as the user that deploys: git lfs fetch in a clone", path: path(files[0]))
        }
        try verify(files, of: source)
    }

    /// git-lfs compares digests when it downloads; what lay in its store since is compared here.
    private func verify(_ files: [LargeFile], of source: TreePlan.Source) throws(BuilderFailure) {
        for start in stride(from: 0, to: files.count, by: 200) {
            let some = files[start..<min(start + 200, files.count)]
            let result = try run(
                ["sha256sum", "--"] + some.map { Self.place($0.pointer, in: source) }, environment: [])
            let found = Set(result.text.split(separator: "\n").map { $0.drop { $0 == "\\" }.prefix(64) })
            guard let bad = some.first(where: { !found.contains(Substring($0.pointer.digest)) }) else { continue }
            _ = unlink(Self.place(bad.pointer, in: source))
            throw BuilderFailure(
                .lfsPointer, "git-lfs has no good copy of \(path(bad))", hint: "deploy again: it is fetched anew",
                path: path(bad))
        }
    }

    private func write(
        _ file: LargeFile, from source: TreePlan.Source, to root: borrowing Directory
    ) throws(BuilderFailure) {
        try cancellation.check()
        let place = Self.place(file.pointer, in: source)
        let original = Descriptor(owning: open(place, O_RDONLY | O_NOFOLLOW | O_CLOEXEC))
        guard original.number >= 0 else { throw .system(errno, "open \(place)", path: place) }
        var directory = try root.reopened()
        for name in plan.folders[file.folder].path { directory = try directory.openDirectory(name) }
        try directory.copyFile(file.file.name, mode: file.file.mode, from: original.number, bytes: file.pointer.bytes)
    }

    /// What no file of the newest release needs is only in the way.
    private func prune(_ source: TreePlan.Source, keeping digests: Set<String>) {
        do throws(BuilderFailure) {
            var directory = try Directory.openRoot(source.mirrorPath)
            for name in ["lfs", "objects"] { directory = try directory.openDirectory(FileName(made: name)) }
            for first in try directory.entries() where try directory.status(first)?.isDirectory == true {
                let outer = try directory.openDirectory(first)
                for second in try outer.entries() where try outer.status(second)?.isDirectory == true {
                    let inner = try outer.openDirectory(second)
                    for name in try inner.entries() where !digests.contains(name.description) {
                        try inner.removeTree(name)
                    }
                }
            }
        } catch {
            events.warn("git-lfs's store could not be cleaned: \(error.message)")
        }
    }

    /// git-lfs has time limits of its own for a server that says nothing.
    private func run(_ arguments: [String], environment: [String]) throws(BuilderFailure) -> ChildProcess.Output {
        let child = try ChildProcess(arguments, extraEnvironment: environment)
        child.closeInput()
        return try child.output(cancellation)
    }
}
