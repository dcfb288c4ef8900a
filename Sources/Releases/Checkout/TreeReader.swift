/// Reads trees into a plan, and refuses what must not be written.
struct TreeReader {
    /// Deeper than any real project, shallow enough for one open descriptor a level.
    static let maxDepth = 200
    /// Longest target that the kernel takes (PATH_MAX).
    private static let maxTargetBytes = 4095

    private var plan = TreePlan()
    private var linkTargets: [LinkRules.Path: [UInt8]] = [:]
    private let cancellation: Cancellation

    init(cancellation: Cancellation) { self.cancellation = cancellation }

    static func read(
        _ commit: CommitID, from mirror: borrowing Repository, cancellation: Cancellation
    ) throws(BuilderFailure) -> TreePlan {
        var reader = TreeReader(cancellation: cancellation)
        _ = try reader.read(mirror.tree(of: commit), at: [], from: mirror)
        try reader.checkLinks()
        return reader.plan
    }

    /// Returns the folder's place in the plan.
    private mutating func read(
        _ tree: ObjectID, at path: [FileName], from mirror: borrowing Repository
    ) throws(BuilderFailure) -> Int {
        try cancellation.check()
        guard path.count < TreeReader.maxDepth else {
            throw refusal(path.map(\.bytes), "directories more than \(TreeReader.maxDepth) deep")
        }
        let place = plan.folders.count
        plan.folders.append(TreePlan.Folder(path: path))
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
            case .directory: folder.children.append(try read(raw.id, at: path + [name], from: mirror))
            case .submodule: throw submodule(path + [name])
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

    private func submodule(_ path: [FileName]) -> BuilderFailure {
        let text = text(path.map(\.bytes))
        return BuilderFailure(
            .submodule, "\(text) is a submodule, which cannot be deployed yet",
            hint: "put its files into the repository itself, or install it in a build step", path: text)
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
        let rules = LinkRules(targets: linkTargets)
        for path in linkTargets.keys.sorted(by: { text($0) < text($1) }) where rules.escapes(path) {
            let target = String(decoding: linkTargets[path] ?? [], as: UTF8.self)
            throw BuilderFailure(
                .refusedTree, "\(text(path)) is a link that leads out of the release: \(target)",
                hint: "for data that outlives releases, name the path in deploy.shared instead", path: text(path))
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
