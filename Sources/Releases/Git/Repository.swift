import CGit2

/// A bare repository: the mirror of a deploy root.
struct Repository: ~Copyable {
    let pointer: OpaquePointer

    static func open(_ path: String) throws(BuilderFailure) -> Repository {
        var pointer: OpaquePointer?
        let flags = GIT_REPOSITORY_OPEN_BARE.rawValue | GIT_REPOSITORY_OPEN_NO_SEARCH.rawValue
        let status = git_repository_open_ext(&pointer, path, flags, nil)
        guard status == 0, let pointer else { throw .git(status, "open the mirror \(path)") }
        return Repository(pointer: pointer)
    }

    static func create(_ path: String) throws(BuilderFailure) -> Repository {
        var pointer: OpaquePointer?
        let status = git_repository_init(&pointer, path, 1)
        guard status == 0, let pointer else { throw .git(status, "make the mirror \(path)") }
        return Repository(pointer: pointer)
    }

    private init(pointer: OpaquePointer) { self.pointer = pointer }
    deinit { git_repository_free(pointer) }

    /// Full names of all refs.
    func references() throws(BuilderFailure) -> [String] {
        var iterator: OpaquePointer?
        var status = git_reference_iterator_new(&iterator, pointer)
        guard status == 0 else { throw .git(status, "list the mirror's refs") }
        defer { git_reference_iterator_free(iterator) }
        var names: [String] = []
        while true {
            var name: UnsafePointer<CChar>?
            status = git_reference_next_name(&name, iterator)
            if status == GIT_ITEROVER.rawValue { return names }
            guard status == 0, let name else { throw .git(status, "list the mirror's refs") }
            names.append(String(cString: name))
        }
    }

    /// What a ref finally points at; nil when there is no such ref, or it points at a ref that does not exist.
    func target(ofReference name: String) -> ObjectID? {
        var oid = git_oid()
        return git_reference_name_to_id(&oid, pointer, name) == 0 ? ObjectID(oid) : nil
    }

    func setReference(_ name: String, to target: ObjectID) throws(BuilderFailure) {
        if self.target(ofReference: name) == target { return }
        var reference: OpaquePointer?
        var oid = target.raw
        let status = git_reference_create(&reference, pointer, name, &oid, 1, nil)
        git_reference_free(reference)
        guard status == 0 else { throw .git(status, "set \(name) in the mirror") }
    }

    func removeReference(_ name: String) throws(BuilderFailure) {
        let status = git_reference_remove(pointer, name)
        guard status == 0 || status == GIT_ENOTFOUND.rawValue else {
            throw .git(status, "remove \(name) from the mirror")
        }
    }

    /// The branch that the remote's HEAD named at the last fetch (`main`).
    func defaultBranch() -> String? {
        var reference: OpaquePointer?
        guard git_reference_lookup(&reference, pointer, "HEAD") == 0 else { return nil }
        defer { git_reference_free(reference) }
        guard let target = git_reference_symbolic_target(reference) else { return nil }
        let name = String(cString: target)
        guard name.hasPrefix("refs/heads/"), self.target(ofReference: name) != nil else { return nil }
        return String(name.dropFirst("refs/heads/".count))
    }

    func setDefaultBranch(_ fullName: String) throws(BuilderFailure) {
        var reference: OpaquePointer?
        let status = git_reference_symbolic_create(&reference, pointer, "HEAD", fullName, 1, nil)
        git_reference_free(reference)
        guard status == 0 else { throw .git(status, "set HEAD in the mirror") }
    }

    /// The objects whose id begins with these hexadecimal digits, when there is exactly one; throws `ambiguousRef` otherwise.
    func object(withPrefix prefix: String) throws(BuilderFailure) -> ObjectID? {
        var short = git_oid()
        guard git_oid_fromstrn(&short, prefix, prefix.utf8.count) == 0 else { return nil }
        var object: OpaquePointer?
        let status = git_object_lookup_prefix(&object, pointer, &short, prefix.utf8.count, GIT_OBJECT_ANY)
        defer { git_object_free(object) }
        if status == GIT_EAMBIGUOUS.rawValue {
            throw BuilderFailure(
                .ambiguousRef, "more than one object begins with \(prefix)", hint: "give more digits of the commit id")
        }
        guard status == 0, let oid = git_object_id(object) else { return nil }
        return ObjectID(oid.pointee)
    }

    /// The commit that an object is or, being an annotated tag, leads to. Nil for trees and blobs.
    func commit(from id: ObjectID) throws(BuilderFailure) -> CommitDescription? {
        var object: OpaquePointer?
        var oid = id.raw
        guard git_object_lookup(&object, pointer, &oid, GIT_OBJECT_ANY) == 0 else { throw .damaged("object \(id.hex)") }
        defer { git_object_free(object) }
        var commit: OpaquePointer?
        guard git_object_peel(&commit, object, GIT_OBJECT_COMMIT) == 0 else { return nil }
        defer { git_object_free(commit) }
        guard let peeled = git_object_id(commit), let id = CommitID(ObjectID(peeled.pointee).hex) else { return nil }
        return CommitDescription(
            id: id, author: git_commit_author(commit)?.pointee.name.map { String(cString: $0) } ?? "",
            subject: git_commit_summary(commit).map { String(cString: $0) } ?? "",
            committedAt: git_commit_time(commit))
    }
}

struct CommitDescription: Equatable {
    var id: CommitID
    var author: String
    var subject: String
    var committedAt: Int64
}
