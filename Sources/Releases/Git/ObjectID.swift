import CGit2

/// The name of any git object.
struct ObjectID: Hashable, Sendable {
    let hex: String

    init(_ oid: git_oid) {
        var oid = oid
        var buffer = [CChar](repeating: 0, count: Int(GIT_OID_HEXSZ))
        git_oid_fmt(&buffer, &oid)
        hex = String(decoding: buffer.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    init(_ commit: CommitID) { hex = commit.rawValue }

    var raw: git_oid {
        var oid = git_oid()
        // Cannot fail: both initializers give forty hexadecimal digits.
        git_oid_fromstr(&oid, hex)
        return oid
    }
}
