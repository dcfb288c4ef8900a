import CGit2
import Glibc

/// Takes an archive into the mirror of a deploy root: its files become blobs, its directories trees, and all of it a commit
/// that has no parents. The same archive is always the same commit: its id is a hash of names, modes and contents. From
/// there it is deployed as a commit that was fetched, under the same rules.
struct ArchiveImport {
    struct Limits: Sendable {
        /// Uncompressed.
        var bytes = 4 << 30
        var entries = 500_000
    }

    private struct Folder {
        var files: [[UInt8]: (id: git_oid, mode: git_filemode_t)] = [:]
        var folders: [[UInt8]: Folder] = [:]
    }

    private let repository: OpaquePointer
    private var root = Folder()
    private var links: [LinkRules.Path: [UInt8]] = [:]
    private var entries = 0
    private let limits: Limits
    private let cancellation: Cancellation

    static func run(
        _ source: any ByteSource, into mirror: borrowing Repository, limits: Limits = Limits(),
        cancellation: Cancellation
    ) throws(BuilderFailure) -> CommitID {
        var work = ArchiveImport(repository: mirror.pointer, limits: limits, cancellation: cancellation)
        var reader = TarReader(ArchiveSource(source, most: limits.bytes))
        while let member = try reader.next() { try work.take(member, &reader) }
        return try work.commit()
    }

    private init(repository: OpaquePointer, limits: Limits, cancellation: Cancellation) {
        self.repository = repository
        self.limits = limits
        self.cancellation = cancellation
    }

    private mutating func take(_ member: TarReader.Member, _ reader: inout TarReader) throws(BuilderFailure) {
        try cancellation.check()
        entries += 1
        guard entries <= limits.entries else {
            throw BuilderFailure(
                .refusedTree, "the archive has more than \(limits.entries) entries, which is the most that is taken")
        }
        let path = try components(member.path)
        switch member.kind {
        case .refused(let what): throw refusal(member.path, what)
        case .directory: try insert(nil, at: path, member.path)
        case .link(let target):
            guard !path.isEmpty else { throw refusal(member.path, "a link in the place of all") }
            links[path] = target
            try insert((try blob(target), GIT_FILEMODE_LINK), at: path, member.path)
        case .file:
            guard !path.isEmpty else { throw refusal(member.path, "a file without a name") }
            let mode = member.mode & 0o100 != 0 ? GIT_FILEMODE_BLOB_EXECUTABLE : GIT_FILEMODE_BLOB
            try insert((try blob(member, &reader), mode), at: path, member.path)
        }
    }

    /// `./a/b` is `a/b`; what leads anywhere else is refused, as in a commit.
    private func components(_ path: [UInt8]) throws(BuilderFailure) -> LinkRules.Path {
        guard path.first != UInt8(ascii: "/") else { throw refusal(path, "an absolute path") }
        var components = path.split(separator: UInt8(ascii: "/")).map(Array.init)
        components.removeAll { $0 == Array(".".utf8) }
        for name in components {
            if let reason = TreeEntryRules.refusal(ofName: name) { throw refusal(path, reason) }
        }
        guard components.count < TreeReader.maxDepth else {
            throw refusal(path, "directories more than \(TreeReader.maxDepth) deep")
        }
        return components
    }

    private mutating func insert(
        _ entry: (git_oid, git_filemode_t)?, at path: LinkRules.Path, _ text: [UInt8]
    ) throws(BuilderFailure) {
        // The directory that was packed.
        guard !path.isEmpty else { return }
        guard ArchiveImport.insert(entry, at: path[...], in: &root) else { throw refusal(text, "the same name twice") }
    }

    /// False when something else is there. A directory may be named again, and after what is in it.
    private static func insert(
        _ entry: (git_oid, git_filemode_t)?, at path: ArraySlice<[UInt8]>, in folder: inout Folder
    ) -> Bool {
        guard let name = path.first, folder.files[name] == nil else { return false }
        if path.count == 1, let entry {
            guard folder.folders[name] == nil else { return false }
            folder.files[name] = (entry.0, entry.1)
            return true
        }
        if path.count == 1 {
            if folder.folders[name] == nil { folder.folders[name] = Folder() }
            return true
        }
        return insert(entry, at: path.dropFirst(), in: &folder.folders[name, default: Folder()])
    }

    // MARK: Objects

    private func blob(_ bytes: [UInt8]) throws(BuilderFailure) -> git_oid {
        var id = git_oid()
        let status = git_blob_create_from_buffer(&id, repository, bytes, bytes.count)
        guard status == 0 else { throw .git(status, "keep a link") }
        return id
    }

    /// Streamed: a file need not fit into memory.
    private func blob(_ member: TarReader.Member, _ reader: inout TarReader) throws(BuilderFailure) -> git_oid {
        var database: OpaquePointer?
        var status = git_repository_odb(&database, repository)
        guard status == 0 else { throw .git(status, "open the mirror's objects") }
        defer { git_odb_free(database) }
        var stream: UnsafeMutablePointer<git_odb_stream>?
        status = git_odb_open_wstream(&stream, database, git_object_size_t(member.size), GIT_OBJECT_BLOB)
        guard status == 0 else { throw .git(status, "keep a file") }
        defer { git_odb_stream_free(stream) }
        while true {
            let bytes = try reader.contents()
            if bytes.isEmpty { break }
            try cancellation.check()
            status = bytes.withUnsafeBufferPointer { buffer in
                buffer.withMemoryRebound(to: CChar.self) { git_odb_stream_write(stream, $0.baseAddress, $0.count) }
            }
            guard status == 0 else { throw .git(status, "keep a file") }
        }
        var id = git_oid()
        status = git_odb_stream_finalize_write(&id, stream)
        guard status == 0 else { throw .git(status, "keep a file") }
        return id
    }

    private func tree(_ folder: Folder) throws(BuilderFailure) -> git_oid {
        var builder: OpaquePointer?
        var status = git_treebuilder_new(&builder, repository, nil)
        guard status == 0 else { throw .git(status, "make a tree") }
        defer { git_treebuilder_free(builder) }
        for (name, file) in folder.files { try add(name, file.id, file.mode, to: builder) }
        for (name, child) in folder.folders {
            // git keeps no empty directories.
            if child.files.isEmpty && child.folders.isEmpty { continue }
            try add(name, tree(child), GIT_FILEMODE_TREE, to: builder)
        }
        var id = git_oid()
        status = git_treebuilder_write(&id, builder)
        guard status == 0 else { throw .git(status, "write a tree") }
        return id
    }

    private func add(
        _ name: [UInt8], _ id: git_oid, _ mode: git_filemode_t, to builder: OpaquePointer?
    ) throws(BuilderFailure) {
        var id = id
        let terminated = name.map { CChar(bitPattern: $0) } + [0]
        let status = git_treebuilder_insert(nil, builder, terminated, &id, mode)
        guard status == 0 else { throw .git(status, "add \(String(decoding: name, as: UTF8.self)) to a tree") }
    }

    private func commit() throws(BuilderFailure) -> CommitID {
        guard entries > 0 else { throw BuilderFailure(.refusedTree, "the archive is empty") }
        let rules = LinkRules(targets: links)
        for path in links.keys.sorted(by: { $0.lexicographicallyPrecedes($1) { $0.lexicographicallyPrecedes($1) } })
        where rules.escapes(path) {
            throw refusal(Array(path.joined(separator: [UInt8(ascii: "/")])), "a link that leads out of the release")
        }
        var treeID = try tree(root)
        var tree: OpaquePointer?
        var status = git_tree_lookup(&tree, repository, &treeID)
        guard status == 0 else { throw .git(status, "read a tree") }
        defer { git_tree_free(tree) }
        // Nothing of when or by whom: the same contents are the same commit.
        var signature: UnsafeMutablePointer<git_signature>?
        status = git_signature_new(&signature, "archive", "archive", 0, 0)
        guard status == 0 else { throw .git(status, "make a commit") }
        defer { git_signature_free(signature) }
        var id = git_oid()
        status = git_commit_create(&id, repository, nil, signature, signature, nil, "archive", tree, 0, nil)
        guard status == 0, let commit = CommitID(ObjectID(id).hex) else { throw .git(status, "make a commit") }
        return commit
    }

    private func refusal(_ path: [UInt8], _ reason: String) -> BuilderFailure {
        let text = String(decoding: path.prefix(300), as: UTF8.self)
        return BuilderFailure(.refusedTree, "\(text) in the archive is not deployed: it is \(reason)", path: text)
    }
}
