/// A commit's tree, read whole and found fit to be written, before anything is.
struct TreePlan {
    struct Entry {
        var name: FileName
        var content: Content
    }

    indirect enum Content {
        case file(id: ObjectID, bytes: Int, executable: Bool)
        case link(target: [UInt8])
        case directory([Entry])
    }

    var entries: [Entry] = []
    var files = 0
    var bytes = 0
    /// Entries of every kind: each needs an inode.
    var inodes = 0

    /// Files rounded up to whole blocks, and a block for each entry's inode and name.
    func diskBytes(blockSize: Int) -> Int { bytes + (files + inodes) * blockSize }
}

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
        let tree = try mirror.tree(of: commit)
        reader.plan.entries = try reader.read(tree, at: [], from: mirror)
        try reader.checkLinks()
        return reader.plan
    }

    private mutating func read(
        _ tree: ObjectID, at path: LinkRules.Path, from mirror: borrowing Repository
    ) throws(BuilderFailure) -> [TreePlan.Entry] {
        try cancellation.check()
        guard path.count < TreeReader.maxDepth else {
            throw refusal(path, "directories more than \(TreeReader.maxDepth) deep")
        }
        var seen: Set<[UInt8]> = []
        var entries: [TreePlan.Entry] = []
        for raw in try mirror.entries(ofTree: tree) {
            let here = path + [raw.name]
            if let reason = TreeEntryRules.refusal(ofName: raw.name) { throw refusal(here, reason) }
            // A second entry of the same name could replace a checked one: a directory by a link, say.
            guard seen.insert(raw.name).inserted else { throw refusal(here, "the same name twice") }
            guard let name = FileName(raw.name), let kind = TreeEntryRules.kind(ofMode: raw.mode) else {
                throw refusal(here, "something that is no file, directory or link")
            }
            plan.inodes += 1
            entries.append(TreePlan.Entry(name: name, content: try content(kind, raw.id, at: here, from: mirror)))
        }
        return entries
    }

    private mutating func content(
        _ kind: TreeEntryRules.Kind, _ id: ObjectID, at path: LinkRules.Path, from mirror: borrowing Repository
    ) throws(BuilderFailure) -> TreePlan.Content {
        switch kind {
        case .directory: return .directory(try read(id, at: path, from: mirror))
        case .submodule:
            throw BuilderFailure(
                .submodule, "\(text(path)) is a submodule, which cannot be deployed yet",
                hint: "put its files into the repository itself, or install it in a build step", path: text(path))
        case .link:
            let size = try mirror.size(ofBlob: id)
            guard (1...TreeReader.maxTargetBytes).contains(size) else {
                throw refusal(path, "a link whose target is \(size) bytes long")
            }
            let target = try mirror.withBlob(id) { (bytes) throws(BuilderFailure) in Array(bytes) }
            guard !target.contains(0) else { throw refusal(path, "a link whose target has a NUL byte") }
            linkTargets[path] = target
            return .link(target: target)
        case .file(let executable):
            let size = try mirror.size(ofBlob: id)
            if LargeFilePointer.mayBe(size: size),
                try mirror.withBlob(id, { (bytes) throws(BuilderFailure) in LargeFilePointer.matches(bytes) })
            {
                throw LargeFilePointer.failure(path: text(path))
            }
            plan.files += 1
            plan.bytes += size
            return .file(id: id, bytes: size, executable: executable)
        }
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
