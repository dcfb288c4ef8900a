import CGit2
import Glibc

/// Keeps libgit2 set up while it lives. Every wrapper below takes for granted that one does.
///
/// One per process: libgit2 keeps state per thread that does not survive being shut down and set up again.
struct LibGit2: ~Copyable {
    init() {
        git_libgit2_init()
        // The mirror must survive a power loss as well as the releases do.
        _ = passenger_git_set_fsync(1)
        _ = passenger_git_set_user_agent("git/2 (passenger)")
        // A server of one's own may have an authority of one's own. libgit2 does not look where git does; one that cannot be
        // read fails every handshake, as it should.
        if let file = getenv("GIT_SSL_CAINFO") { _ = passenger_git_set_authorities(file) }
    }

    deinit { git_libgit2_shutdown() }

    static func flushesEachObject(_ flushes: Bool) { _ = passenger_git_set_fsync(flushes ? 1 : 0) }

    /// What libgit2 says about the call that just failed on this thread. It is silent about some (link(2) of a fetched pack):
    /// the kernel's word is taken then, if it is about want.
    static var lastMessage: String {
        let number = errno
        if let error = git_error_last(), let text = error.pointee.message { return String(cString: text) }
        guard [ENOSPC, EDQUOT, EMFILE, ENFILE].contains(number), let text = strerror(number) else {
            return "unknown error"
        }
        return String(cString: text)
    }

    static var lastClass: Int32 { git_error_last().map { $0.pointee.klass } ?? 0 }
}

extension BuilderFailure {
    /// A failed libgit2 call that is about the mirror. `doing` completes "cannot …".
    static func git(_ status: Int32, _ doing: String) -> BuilderFailure {
        let text = LibGit2.lastMessage
        let message = "cannot \(doing): \(text)"
        if let want = want(text, message) { return want }
        if text.contains("Permission denied") { return .system(permissionDenied, "\(doing): \(text)") }
        if status == GIT_EOWNER.rawValue { return BuilderFailure(.unsafeOwner, message) }
        return BuilderFailure(.git, message)
    }

    private static let permissionDenied: Int32 = 13

    /// libgit2 keeps no errno: the reason of a failed call is only in its words. Nil when there was enough of everything.
    static func want(_ text: String, _ message: String) -> BuilderFailure? {
        if text.contains("No space left on device") || text.contains("quota exceeded") {
            return BuilderFailure(.noSpace, message, hint: noSpaceHint)
        }
        if text.contains("oo many open files") {
            return BuilderFailure(.inputOutput, message, hint: openFilesHint)
        }
        return nil
    }

    static func damaged(_ what: String) -> BuilderFailure {
        BuilderFailure(
            .damagedRepository, "the mirror cannot give \(what): \(LibGit2.lastMessage)",
            hint: "delete repo.git in the deploy root, and the next deploy fetches all of it anew")
    }
}
