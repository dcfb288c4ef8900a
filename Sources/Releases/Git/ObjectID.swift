import CGit2

/// The name of any git object.
struct ObjectID: Hashable, Sendable {
    static let byteCount = 20

    // Inline, for a tree may have a hundred thousand of them.
    private let first: UInt64
    private let second: UInt64
    private let third: UInt32

    init(_ oid: git_oid) {
        self = withUnsafeBytes(of: oid) { ObjectID(bytes: $0) }
    }

    init(_ commit: CommitID) {
        var oid = git_oid()
        // Cannot fail: a commit id is forty hexadecimal digits.
        git_oid_fromstr(&oid, commit.rawValue)
        self.init(oid)
    }

    /// Of `byteCount` bytes.
    init(bytes: UnsafeRawBufferPointer) {
        first = bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
        second = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        third = bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)
    }

    var raw: git_oid {
        var oid = git_oid()
        withUnsafeMutableBytes(of: &oid) { bytes in
            bytes.storeBytes(of: first, toByteOffset: 0, as: UInt64.self)
            bytes.storeBytes(of: second, toByteOffset: 8, as: UInt64.self)
            bytes.storeBytes(of: third, toByteOffset: 16, as: UInt32.self)
        }
        return oid
    }

    var hex: String {
        var oid = raw
        var buffer = [CChar](repeating: 0, count: Int(GIT_OID_HEXSZ))
        git_oid_fmt(&buffer, &oid)
        return String(decoding: buffer.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
