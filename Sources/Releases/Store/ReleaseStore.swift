import Model

/// The releases of a root and the link to the current one.
struct ReleaseStore {
    var events: EventWriter

    func list(_ root: borrowing DeployRoot) throws(BuilderFailure) -> [ReleaseName] {
        let releases = try root.releases()
        var names: [ReleaseName] = []
        for entry in try releases.entries() {
            guard let name = ReleaseName(entry.description), try releases.status(entry)?.isDirectory == true else {
                continue
            }
            names.append(name)
        }
        return names.sorted()
    }

    func current(_ root: borrowing DeployRoot) throws(BuilderFailure) -> CurrentLink {
        guard let found = try root.directory.status(DeployRoot.currentName) else { return .missing }
        guard found.isLink else { return .notALink }
        let link = ReleaseLink(try root.directory.readLink(DeployRoot.currentName), in: root.directory)
        return link.release.map { .release($0) } ?? .foreign(target: link.target)
    }

    /// A new link is made beside `current` and renamed over it: nobody ever finds it missing or half-made.
    func moveCurrent(_ root: borrowing DeployRoot, to name: ReleaseName) throws(BuilderFailure) {
        try root.requireNoRealCurrent()
        _ = try root.release(name)
        let temporary = FileName.temporary(.currentLink, of: name)
        try root.directory.makeLink(temporary, target: Array("releases/\(name)".utf8))
        do throws(BuilderFailure) {
            try root.directory.rename(temporary, to: DeployRoot.currentName, in: root.directory)
        } catch {
            try? root.directory.removeFile(temporary)
            throw error
        }
        try root.directory.sync()
    }

    func remove(_ root: borrowing DeployRoot, _ name: ReleaseName) throws(BuilderFailure) {
        if case .release(name) = try current(root) {
            throw BuilderFailure(.releaseInUse, "release \(name) is current, and is not deleted")
        }
        if let pid = ProcessUse.releases(of: root.path)[name] {
            throw BuilderFailure(
                .releaseInUse, "release \(name) is kept: process \(pid) runs in it",
                hint: "end that process; the next deploy deletes the release")
        }
        let releases = try root.releases()
        guard try releases.status(FileName(name)) != nil else {
            throw BuilderFailure(.noSuchRelease, "there is no release \(name)", path: "releases/\(name)")
        }
        // Renamed first: however the deletion ends, no half release is left under a name that could be rolled back to.
        let trash = FileName.temporary(.removal, of: name)
        try releases.rename(FileName(name), to: trash, in: releases)
        do throws(BuilderFailure) {
            try releases.sync()
        } catch {
            // Who asked is told that it is still there, and may go back to it.
            try releases.rename(trash, to: FileName(name), in: releases)
            throw error
        }
        // Without its release a record says nothing; the next checkout deletes it if this does not.
        try? CheckoutRecords(root).remove(name)
        try releases.removeTree(trash)
    }

    /// Deletes of the releases that deploys made those that are not to be kept: of Capistrano's, each is named by who wants it gone.
    /// Never fails for what it could not delete: a clean-up does not decide a deploy's result.
    func prune(_ root: borrowing DeployRoot, keep: [ReleaseName]) throws(BuilderFailure) -> [ReleaseName] {
        var kept = Set(keep)
        if case .release(let name) = try current(root) { kept.insert(name) }
        let used = ProcessUse.releases(of: root.path)
        var removed: [ReleaseName] = []
        for name in try list(root) where name.number != nil && !kept.contains(name) {
            if let pid = used[name] {
                events.note("release \(name) is kept: process \(pid) runs in it")
                continue
            }
            do throws(BuilderFailure) {
                try remove(root, name)
                removed.append(name)
            } catch {
                events.warn("release \(name) could not be deleted: \(error.message)")
            }
        }
        return removed
    }

    /// Deletes what interrupted steps left. One builder at a time works on a root, so nothing of it is in use.
    func cleanTemporary(_ root: borrowing DeployRoot) throws(BuilderFailure) {
        MirrorCleaner(events: events).clean(root)
        let releases = try root.releases()
        for name in try releases.entries() where name.has(.checkout) || name.has(.removal) {
            remove(name, in: releases)
        }
        for name in try root.directory.entries() where name.has(.currentLink) { remove(name, in: root.directory) }
    }

    private func remove(_ name: FileName, in directory: borrowing Directory) {
        do throws(BuilderFailure) {
            try directory.removeTree(name)
        } catch {
            events.warn("\(directory.join(name)) could not be deleted: \(error.message)")
        }
    }
}
