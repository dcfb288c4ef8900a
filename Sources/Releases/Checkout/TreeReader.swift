/// Reads trees into a plan, and refuses what must not be written.
struct TreeReader {
    /// Deeper than any real project, shallow enough for one open descriptor a level.
    static let maxDepth = 200
    /// Longest target that the kernel takes (PATH_MAX).
    private static let maxTargetBytes = 4095

    private var plan = TreePlan()
    private var linkTargets: [LinkRules.Path: [UInt8]] = [:]
    private let options: CheckoutOptions
    private let events: EventWriter
    private let cancellation: Cancellation
    private let mirrors: SubmoduleMirrors

    init(
        options: CheckoutOptions, mirrors: SubmoduleMirrors, events: EventWriter, cancellation: Cancellation
    ) {
        self.options = options
        self.mirrors = mirrors
        self.events = events
        self.cancellation = cancellation
    }

    mutating func read(_ commit: CommitID, mirrorPath: String) throws(BuilderFailure) -> TreePlan {
        let source = TreePlan.Source(mirrorPath: mirrorPath, commit: ObjectID(commit), url: options.repository)
        _ = try read(source, at: [], submodules: 0)
        try checkLinks()
        return plan
    }

    /// All of a repository's commit, at this path. Returns the folder's place in the plan.
    private mutating func read(
        _ source: TreePlan.Source, at path: [FileName], submodules depth: Int
    ) throws(BuilderFailure) -> Int {
        let mirror = try Repository.open(source.mirrorPath)
        let place = plan.sources.count
        plan.sources.append(source)
        let tree = try mirror.tree(of: source.commit)
        let scope = Scope(source: place, root: path, depth: depth, modules: try modules(of: tree, in: mirror, at: path))
        return try read(tree, at: path, from: mirror, scope)
    }

    /// What the entries of one repository have in common.
    private struct Scope {
        var source: Int
        /// Where the repository's root is in the release.
        var root: [FileName]
        /// Submodules around it.
        var depth: Int
        var modules: ModulesFile
    }

    private func modules(
        of tree: ObjectID, in mirror: borrowing Repository, at path: [FileName]
    ) throws(BuilderFailure) -> ModulesFile {
        let name = Array(".gitmodules".utf8)
        guard options.submodules, let entry = try mirror.entries(ofTree: tree).first(where: { $0.name == name }) else {
            return ModulesFile([])
        }
        guard case .file = TreeEntryRules.kind(ofMode: entry.mode),
            try mirror.size(ofBlob: entry.id) <= ModulesFile.maxBytes
        else { throw refusal(path.map(\.bytes) + [name], "no plain file of usual size where submodules are listed") }
        return ModulesFile(try mirror.withBlob(entry.id) { (bytes) throws(BuilderFailure) in Array(bytes) })
    }

    /// Returns the folder's place in the plan.
    private mutating func read(
        _ tree: ObjectID, at path: [FileName], from mirror: borrowing Repository, _ scope: Scope
    ) throws(BuilderFailure) -> Int {
        try cancellation.check()
        guard path.count < TreeReader.maxDepth else {
            throw refusal(path.map(\.bytes), "directories more than \(TreeReader.maxDepth) deep")
        }
        let place = plan.folders.count
        plan.folders.append(TreePlan.Folder(path: path, source: scope.source))
        var folder = plan.folders[place]
        var seen: Set<[UInt8]> = []
        for raw in try mirror.entries(ofTree: tree) {
            let (name, kind) = try judge(raw, in: path, seen: &seen)
            if path.isEmpty, name == .revision {
                plan.tracksRevision = true
                continue
            }
            plan.inodes += 1
            switch kind {
            case .directory: folder.children.append(try read(raw.id, at: path + [name], from: mirror, scope))
            case .submodule: folder.children.append(try submodule(path + [name], at: raw.id, scope))
            case .link: folder.links.append(try link(name, raw.id, in: path, from: mirror))
            case .file(let executable):
                folder.files.append(try file(name, raw.id, executable: executable, in: path, from: mirror))
            }
        }
        plan.folders[place] = folder
        return place
    }

    private func judge(
        _ raw: RawTreeEntry, in path: [FileName], seen: inout Set<[UInt8]>
    ) throws(BuilderFailure) -> (FileName, TreeEntryRules.Kind) {
        let here = path.map(\.bytes) + [raw.name]
        if let reason = TreeEntryRules.refusal(ofName: raw.name) { throw refusal(here, reason) }
        // A second entry of the same name could replace a checked one: a directory by a link, say.
        guard seen.insert(raw.name).inserted else { throw refusal(here, "the same name twice") }
        guard let name = FileName(raw.name), let kind = TreeEntryRules.kind(ofMode: raw.mode) else {
            throw refusal(here, "something that is no file, directory or link")
        }
        return (name, kind)
    }

    /// More are a mistake or an attack: each may be a repository to fetch.
    static let maxSubmodules = 100
    static let maxSubmoduleDepth = 8

    private mutating func submodule(
        _ path: [FileName], at commit: ObjectID, _ scope: Scope
    ) throws(BuilderFailure) -> Int {
        let place = text(path.map(\.bytes))
        guard options.submodules else {
            events.note("the submodule \(place) is left empty: deploy.submodules is off")
            plan.folders.append(TreePlan.Folder(path: path, source: scope.source))
            return plan.folders.count - 1
        }
        guard scope.depth < TreeReader.maxSubmoduleDepth, plan.sources.count <= TreeReader.maxSubmodules else {
            throw BuilderFailure(
                .submodule,
                "\(place): more than \(TreeReader.maxSubmodules) submodules, or more than "
                    + "\(TreeReader.maxSubmoduleDepth) inside each other", path: place)
        }
        let inRepository = text(path.dropFirst(scope.root.count).map(\.bytes))
        guard let written = scope.modules.urls[inRepository] else {
            throw BuilderFailure(
                .submodule, "\(place) is a submodule, and .gitmodules does not say where it is from",
                hint: "git submodule add it, or git rm --cached \(inRepository)", path: place)
        }
        guard let parent = plan.sources[scope.source].url else {
            throw BuilderFailure(.submodule, "\(place) is a submodule of a repository of unknown origin", path: place)
        }
        let url: String
        do throws(BuilderFailure) {
            url = try SubmoduleURL.resolve(written, parent: parent)
        } catch {
            throw BuilderFailure(
                .submodule, "the submodule \(place) is refused: \(error.message)",
                hint: "correct .gitmodules; or deploy.submodules: false leaves its directory empty", path: place)
        }
        let mirror = try mirrors.mirror(of: url, having: commit, for: place)
        return try read(
            TreePlan.Source(mirrorPath: mirror, commit: commit, url: url), at: path, submodules: scope.depth + 1)
    }

    private mutating func link(
        _ name: FileName, _ id: ObjectID, in folder: [FileName], from mirror: borrowing Repository
    ) throws(BuilderFailure) -> TreePlan.Link {
        let path = folder.map(\.bytes) + [name.bytes]
        let size = try mirror.size(ofBlob: id)
        guard (1...TreeReader.maxTargetBytes).contains(size) else {
            throw refusal(path, "a link whose target is \(size) bytes long")
        }
        let target = try mirror.withBlob(id) { (bytes) throws(BuilderFailure) in Array(bytes) }
        guard !target.contains(0) else { throw refusal(path, "a link whose target has a NUL byte") }
        linkTargets[path] = target
        return TreePlan.Link(name: name, target: target)
    }

    private mutating func file(
        _ name: FileName, _ id: ObjectID, executable: Bool, in folder: [FileName], from mirror: borrowing Repository
    ) throws(BuilderFailure) -> TreePlan.File {
        let size = try mirror.size(ofBlob: id)
        plan.files += 1
        plan.bytes += size
        return TreePlan.File(name: name, id: id, bytes: size, executable: executable)
    }

    private func checkLinks() throws(BuilderFailure) {
        if options.allowSymlinks { return }
        let rules = LinkRules(targets: linkTargets)
        for path in linkTargets.keys.sorted(by: { text($0) < text($1) }) where rules.escapes(path) {
            let target = String(decoding: linkTargets[path] ?? [], as: UTF8.self)
            throw BuilderFailure(
                .refusedTree, "\(text(path)) is a link that leads out of the release: \(target)",
                hint: "for data that outlives releases, name the path in deploy.shared instead; "
                    + "deploy.allow_symlinks: true allows all such links", path: text(path))
        }
    }

    private func text(_ path: LinkRules.Path) -> String {
        path.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/")
    }

    private func refusal(_ path: LinkRules.Path, _ what: String) -> BuilderFailure {
        BuilderFailure(
            .refusedTree, "the commit's tree has \(what): \(text(path))",
            hint: "no git client makes such an entry: find out where the commit came from", path: text(path))
    }
}
