import CGit2

/// What a failed libgit2 fetch means for the person who wanted it.
enum FetchDiagnosis {
    static func failure(status: Int32, errorClass: Int32, message: String, url: RemoteURL) -> BuilderFailure {
        if let want = BuilderFailure.want(message, "cannot store the fetched objects: \(message)") { return want }
        if isOwnership(status, message) { return otherOwner(url) }
        if status == GIT_EAUTH.rawValue || isHTTP(401, message) || isHTTP(403, message) {
            return BuilderFailure(
                .authenticationFailed, "\(url) refused access: \(message)",
                hint: "give the user that deploys a git credential helper, or use an ssh:// URL with a deploy key")
        }
        if case .local(let path) = url,
            // A path that leads nowhere is no local path to libgit2: it looks for a protocol in it.
            status == GIT_ENOTFOUND.rawValue || errorClass == Int32(GIT_ERROR_REPOSITORY.rawValue)
                || message.contains("unsupported URL protocol")
        {
            return BuilderFailure(
                .unreachable, "there is no git repository at \(path)",
                hint: "the path must exist and be readable by the user that deploys", path: path)
        }
        if status == GIT_ECERTIFICATE.rawValue || errorClass == Int32(GIT_ERROR_SSL.rawValue) {
            return BuilderFailure(
                .unreachable, "no secure connection to \(url): \(message)",
                hint:
                    "the server's certificate must be valid for this machine's certificate authorities, or for those in "
                    + "the file that GIT_SSL_CAINFO names")
        }
        if isHTTP(404, message) {
            return BuilderFailure(
                .unreachable, "there is no repository at \(url)",
                hint: "check the URL; private repositories look like this without credentials, too")
        }
        switch errorClass {
        case Int32(GIT_ERROR_NET.rawValue), Int32(GIT_ERROR_OS.rawValue), Int32(GIT_ERROR_HTTP.rawValue):
            return BuilderFailure(
                .unreachable, "cannot fetch from \(url): \(message)", hint: "check the URL and the network")
        default:
            return BuilderFailure(.git, "cannot fetch from \(url): \(message)")
        }
    }

    /// As libgit2 puts it. The number alone could be a part of somebody's path.
    private static func isHTTP(_ status: Int, _ message: String) -> Bool { message.contains("status code: \(status)") }

    /// libgit2 1.5 loses the code on the way up, and without any `safe.directory` entry complains of that instead. It also
    /// knows no `*`: each repository has to be named, which is the safer half of git's rules.
    private static func isOwnership(_ status: Int32, _ message: String) -> Bool {
        status == GIT_EOWNER.rawValue || message.contains("not owned by current user")
            || message.contains("'safe.directory' was not found")
    }

    private static func otherOwner(_ url: RemoteURL) -> BuilderFailure {
        let path = if case .local(let path) = url { path } else { url.description }
        return BuilderFailure(
            .unsafeOwner, "the repository \(path) belongs to another user, and git's rules forbid to use it",
            hint: "as the user that deploys: git config --global --add safe.directory \(path)", path: path)
    }
}
