import CGit2

/// The mirrors of submodules, `submodules/<hash of the URL>.git` in the deploy root.
struct SubmoduleMirrors {
    static let directoryName = FileName(literal: "submodules")

    /// Of the deploy root.
    var rootPath: String
    var events: EventWriter
    var cancellation: Cancellation

    /// The path of a mirror that has the commit; fetches when it is not there yet. A commit's objects never change, so one that
    /// is there is not asked for again.
    func mirror(of url: String, having commit: ObjectID, for place: String) throws(BuilderFailure) -> String {
        let remote = try RemoteURL(url)
        let name = SubmoduleMirrors.name(of: remote)
        let root = try DeployRoot.open(rootPath)
        try root.directory.makeDirectory(SubmoduleMirrors.directoryName)
        let directory = try root.directory.openDirectory(SubmoduleMirrors.directoryName)
        let path = directory.join(name)
        MirrorCleaner(events: events).clean(name, in: directory)
        let mirror = try open(name, in: directory)
        if try mirror.has(commit) { return path }
        events.note("fetching the submodule \(place) from \(remote)")
        let fetch = Fetch(url: remote, events: events, cancellation: cancellation)
        do throws(BuilderFailure) {
            try fetch.run(into: mirror)
        } catch {
            if error.code == .cancelled || error.code == .noSpace { throw error }
            throw BuilderFailure(
                .submodule, "the submodule \(place) cannot be had: \(error.message)", hint: error.hint, path: place)
        }
        // Of no branch and no tag any more, or not yet: some servers give it all the same, and the others say no.
        if try !mirror.has(commit) { try? fetch.run(commit, into: mirror) }
        try cancellation.check()
        guard try mirror.has(commit) else {
            throw BuilderFailure(
                .submodule, "the submodule \(place) is at commit \(commit.hex), which \(remote) does not have",
                hint: "push the submodule's commit, then deploy again", path: place)
        }
        return path
    }

    /// Deletes mirrors of other submodules than these.
    func clean(keeping paths: [String]) {
        do throws(BuilderFailure) {
            let root = try DeployRoot.open(rootPath)
            guard try root.directory.status(SubmoduleMirrors.directoryName) != nil else { return }
            let directory = try root.directory.openDirectory(SubmoduleMirrors.directoryName)
            for name in try directory.entries() where !paths.contains(directory.join(name)) {
                try directory.removeTree(name)
            }
        } catch {
            events.warn("a submodule's mirror could not be deleted: \(error.message)")
        }
    }

    private func open(_ name: FileName, in directory: borrowing Directory) throws(BuilderFailure) -> Repository {
        let path = directory.join(name)
        // Without HEAD its making was interrupted.
        if try directory.status(name) != nil {
            if try directory.openDirectory(name).status(FileName(literal: "HEAD")) != nil {
                return try Repository.open(path)
            }
            try directory.removeTree(name)
        }
        return try Repository.create(path)
    }

    /// Of the URL without its credentials, which change more often.
    static func name(of remote: RemoteURL) -> FileName {
        var id = git_oid()
        let text = Array(remote.description.utf8)
        git_odb_hash(&id, text, text.count, GIT_OBJECT_BLOB)
        return FileName(made: ObjectID(id).hex + ".git")
    }
}
