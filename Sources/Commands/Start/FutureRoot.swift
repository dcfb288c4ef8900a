import AdminAPI
import Glibc
import Linux
import Model
import Releases

/// A directory that is to become a deploy root. Everything in it is its owner's, and may be anything: so it is looked at, and written
/// to, with the owner's rights and no more.
struct FutureRoot: ~Copyable {
    private let path: String
    private let handle: Descriptor
    private let owner: (user: uid_t, group: gid_t)
    private static let marker = ".passenger"

    init(_ path: String) throws {
        let handle = try openFile(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        var status = stat()
        guard fstat(handle.number, &status) == 0 else { throw SystemError(call: "fstat", errno: errno, subject: path) }
        self.path = path
        self.handle = handle
        owner = (status.st_uid, status.st_gid)
    }

    /// What Capistrano has deployed there. Changes nothing.
    func look() throws -> CapistranoFinding {
        try asOwner {
            do throws(BuilderFailure) {
                return try CapistranoRoot.read(path)
            } catch {
                throw StartError("\(path) cannot be taken over: \(error.message)", hint: error.hint, exitCode: 2)
            }
        }
    }

    /// Whether what a link there leads to belongs to whom the root does.
    func hasOwner(ofTarget name: String) throws -> Bool {
        var status = stat()
        guard fstatat(handle.number, name, &status, 0) == 0 else {
            throw SystemError(call: "stat", errno: errno, subject: "\(path)/\(name)")
        }
        return status.st_uid == owner.user
    }

    /// From here on it is a deploy root: in one step, and nothing else of it is touched. What was deployed there is written into
    /// journals by whoever serves it first.
    func mark() throws {
        try asOwner {
            guard mkdirat(handle.number, Self.marker, 0o700) == 0 || errno == EEXIST else {
                throw SystemError(call: "mkdir", errno: errno, subject: "\(path)/\(Self.marker)")
            }
        }
    }

    /// It stays what it was, as long as nothing was written there.
    func unmark() throws {
        try asOwner { _ = unlinkat(handle.number, Self.marker, AT_REMOVEDIR) }
    }

    /// Only a command started by root has other users' rights; it has one thread.
    private func asOwner<Result>(_ body: () throws -> Result) throws -> Result {
        guard geteuid() == 0, owner.user != 0 else { return try body() }
        guard setegid(owner.group) == 0, seteuid(owner.user) == 0 else {
            throw SystemError(call: "seteuid", errno: errno)
        }
        defer {
            // Going back to the real user is always allowed.
            _ = seteuid(0)
            _ = setegid(0)
        }
        return try body()
    }
}
