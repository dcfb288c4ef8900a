import Glibc

/// Makes the shared paths of a release links to their counterparts in `shared/`. Doing it again changes nothing.
///
/// | in `shared/` | in the release | what happens |
/// |---|---|---|
/// | there | nothing, or tracked content | linked; tracked content gives way, with a note |
/// | missing, or an empty directory | tracked content | it moves to `shared/` and is its first content |
/// | missing | nothing, or a directory with only `.keep` or `.gitkeep` | an empty one is made, then linked |
struct SharedLinker {
    var events: EventWriter

    func link(
        _ root: borrowing DeployRoot, release name: ReleaseName, shared texts: [String]
    ) throws(BuilderFailure) -> [SharedLink] {
        let release = try root.release(name)
        let shared = try root.shared()
        var links: [SharedLink] = []
        for path in try SharedPath.parse(texts) {
            links.append(SharedLink(path: path.text, counterpart: try link(path, release: release, shared: shared)))
        }
        return links
    }

    private func link(
        _ path: SharedPath, release: borrowing Directory, shared: borrowing Directory
    ) throws(BuilderFailure) -> SharedLink.Counterpart {
        // A SharedPath has at least one component.
        let name = path.components[path.components.count - 1]
        let parents = path.components.dropLast()
        let inRelease = try release.makingDirectories(parents)
        let inShared = try shared.makingDirectories(parents)
        if try inRelease.status(name)?.isLink == true, try inRelease.readLink(name) == path.linkTarget,
            try inShared.status(name) != nil
        {
            return .existing
        }
        let counterpart = try prepareCounterpart(name, path, inRelease: inRelease, inShared: inShared)
        if try inRelease.status(name) != nil {
            if counterpart == .existing, try inRelease.hasContent(name) {
                events.note("\(path.text): what the repository has there gives way to shared/\(path.text)")
            }
            try inRelease.removeTree(name)
        }
        try inRelease.makeLink(name, target: Array(path.linkTarget.utf8))
        return counterpart
    }

    private func prepareCounterpart(
        _ name: FileName, _ path: SharedPath, inRelease: borrowing Directory, inShared: borrowing Directory
    ) throws(BuilderFailure) -> SharedLink.Counterpart {
        let tracked = try inRelease.status(name)
        let isSeed = try inRelease.hasContent(name)
        if let existing = try inShared.status(name) {
            guard isSeed, existing.isDirectory, tracked?.isDirectory == true, try inShared.isEmpty(name) else {
                return .existing
            }
            try inShared.removeDirectory(name)
        }
        if isSeed {
            try inRelease.rename(name, to: name, in: inShared)
            try inShared.sync()
            events.note("shared/\(path.text) begins with what the repository has there")
            return .seeded
        }
        defer { events.note("shared/\(path.text) was missing and is empty now") }
        if path.looksLikeDirectory || tracked?.isDirectory == true {
            try inShared.makeDirectory(name)
            try inShared.sync()
            return .createdDirectory
        }
        // It may get secrets: for its owner only.
        try inShared.createFile(name, mode: 0o600, contents: UnsafeRawBufferPointer(start: nil, count: 0))
        try inShared.sync()
        return .createdFile
    }
}

extension Directory {
    /// The directory at a path below this one, made as far as it is missing.
    fileprivate func makingDirectories(_ names: ArraySlice<FileName>) throws(BuilderFailure) -> Directory {
        guard let first = names.first else { return try reopened() }
        try makeDirectory(first)
        return try openDirectory(first).makingDirectories(names.dropFirst())
    }

    fileprivate func isEmpty(_ name: FileName) throws(BuilderFailure) -> Bool {
        try openDirectory(name).entries().isEmpty
    }

    /// Whether it is a file, or a directory that is tracked for more than to exist.
    fileprivate func hasContent(_ name: FileName) throws(BuilderFailure) -> Bool {
        guard let found = try status(name) else { return false }
        guard found.isDirectory else { return found.isRegularFile }
        let keepers = [FileName(literal: ".keep"), FileName(literal: ".gitkeep")]
        return try !openDirectory(name).entries().allSatisfy { keepers.contains($0) }
    }
}
