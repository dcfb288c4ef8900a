import CGit2
import Glibc

/// One entry of a tree object, as it is stored: nothing about it has been checked.
struct RawTreeEntry {
    var name: [UInt8]
    /// The mode as git keeps it: file type bits and permissions.
    var mode: UInt32
    var id: ObjectID
}

extension Repository {
    func tree(of commit: ObjectID) throws(BuilderFailure) -> ObjectID {
        var pointer: OpaquePointer?
        var oid = commit.raw
        guard git_commit_lookup(&pointer, self.pointer, &oid) == 0 else { throw .damaged("commit \(commit.hex)") }
        defer { git_commit_free(pointer) }
        guard let tree = git_commit_tree_id(pointer) else { throw .damaged("the tree of commit \(commit.hex)") }
        return ObjectID(tree.pointee)
    }

    /// False also when the mirror does not have one of them (any more): then nothing can be said.
    func isAncestor(_ commit: CommitID, of descendant: CommitID) -> Bool {
        var (older, newer) = (ObjectID(commit).raw, ObjectID(descendant).raw)
        return git_graph_descendant_of(pointer, &newer, &older) == 1
    }

    func entries(ofTree id: ObjectID) throws(BuilderFailure) -> [RawTreeEntry] {
        var pointer: OpaquePointer?
        var oid = id.raw
        guard git_tree_lookup(&pointer, self.pointer, &oid) == 0 else { throw .damaged("tree \(id.hex)") }
        defer { git_tree_free(pointer) }
        var entries: [RawTreeEntry] = []
        for index in 0..<git_tree_entrycount(pointer) {
            guard let entry = git_tree_entry_byindex(pointer, index), let name = git_tree_entry_name(entry),
                let target = git_tree_entry_id(entry)
            else { throw .damaged("tree \(id.hex)") }
            let bytes = UnsafeRawBufferPointer(start: name, count: strlen(name))
            let mode = UInt32(truncatingIfNeeded: git_tree_entry_filemode_raw(entry).rawValue)
            entries.append(RawTreeEntry(name: Array(bytes), mode: mode, id: ObjectID(target.pointee)))
        }
        return entries
    }

    func has(_ id: ObjectID) throws(BuilderFailure) -> Bool {
        var odb: OpaquePointer?
        guard git_repository_odb(&odb, pointer) == 0 else { throw .damaged("its object database") }
        defer { git_odb_free(odb) }
        var oid = id.raw
        return git_odb_exists(odb, &oid) == 1
    }

    /// The size in bytes of a blob, read from its header.
    func size(ofBlob id: ObjectID) throws(BuilderFailure) -> Int {
        var odb: OpaquePointer?
        guard git_repository_odb(&odb, pointer) == 0 else { throw .damaged("its object database") }
        defer { git_odb_free(odb) }
        var size = 0
        var type = GIT_OBJECT_INVALID
        var oid = id.raw
        guard git_odb_read_header(&size, &type, odb, &oid) == 0, type == GIT_OBJECT_BLOB else {
            throw .damaged("blob \(id.hex)")
        }
        return size
    }

    /// Lends the blob's bytes, the whole of them in memory: git's packs cannot be read in parts. libgit2 has compared
    /// them with their hash.
    func withBlob<Result>(
        _ id: ObjectID, _ body: (UnsafeRawBufferPointer) throws(BuilderFailure) -> Result
    ) throws(BuilderFailure) -> Result {
        var blob: OpaquePointer?
        var oid = id.raw
        guard git_blob_lookup(&blob, pointer, &oid) == 0 else { throw .damaged("blob \(id.hex)") }
        defer { git_blob_free(blob) }
        let size = Int(clamping: git_blob_rawsize(blob))
        return try body(UnsafeRawBufferPointer(start: git_blob_rawcontent(blob), count: size))
    }
}
