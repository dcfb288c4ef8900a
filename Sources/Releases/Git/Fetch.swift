import CGit2

/// Brings the mirror up to date with a remote: its branches, its tags and which branch is the default.
///
/// The remote is not recorded in the mirror's configuration, because an URL may hold a token.
struct Fetch {
    var url: RemoteURL
    var events: EventWriter
    var cancellation: Cancellation
    /// How long the other side may be silent.
    var stallLimit: Duration = .seconds(60)

    func run(into mirror: borrowing Repository) throws(BuilderFailure) { try run(into: mirror, commit: nil) }

    /// Only this commit and what it needs, which a server may give although no branch or tag leads to it.
    func run(_ commit: ObjectID, into mirror: borrowing Repository) throws(BuilderFailure) {
        try run(into: mirror, commit: commit)
    }

    private func run(into mirror: borrowing Repository, commit: ObjectID?) throws(BuilderFailure) {
        let session = FetchSession(url: url, events: events, cancellation: cancellation, stallLimit: stallLimit)
        switch url {
        case .web:
            try cancellation.limitingStalls(to: stallLimit) { () throws(BuilderFailure) in
                try fetch(mirror, session, commit)
            }
        case .local, .ssh: try fetch(mirror, session, commit)
        }
    }

    private func fetch(
        _ mirror: borrowing Repository, _ session: FetchSession, _ commit: ObjectID?
    ) throws(BuilderFailure) {
        var pointer: OpaquePointer?
        let status = git_remote_create_anonymous(&pointer, mirror.pointer, url.location)
        guard status == 0, let remote = pointer else { throw .git(status, "use \(url) as a remote") }
        // Frees the transport too, so the session must live past it.
        defer { withExtendedLifetime(session) { git_remote_free(remote) } }

        var options = git_fetch_options()
        git_fetch_options_init(&options, UInt32(GIT_FETCH_OPTIONS_VERSION))
        session.configure(&options.callbacks)
        options.update_fetchhead = 0
        // Every tag is asked for by refspec; following tags as well would only ask twice.
        options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE

        try session.check(git_remote_connect(remote, GIT_DIRECTION_FETCH, &options.callbacks, nil, nil))
        let heads = try advertised(by: remote, session)
        guard heads.contains(where: { $0.name.hasPrefix("refs/heads/") || $0.name.hasPrefix("refs/tags/") }) else {
            throw BuilderFailure(
                .emptyRepository, "\(url) has no commits yet", hint: "push a branch to it, then deploy again")
        }
        let defaultBranch = defaultBranch(of: remote)
        let specs = commit.map { ["+\($0.hex):refs/passenger/\($0.hex)"] } ?? Fetch.refspecs
        try session.check(download(remote, specs, &options))
        git_remote_disconnect(remote)
        try cancellation.check()
        guard commit == nil else { return }
        try update(mirror, to: heads, defaultBranch: defaultBranch)
    }

    private struct Head {
        var name: String
        var target: ObjectID
    }

    private func advertised(by remote: OpaquePointer, _ session: FetchSession) throws(BuilderFailure) -> [Head] {
        var heads: UnsafeMutablePointer<UnsafePointer<git_remote_head>?>?
        var count = 0
        try session.check(git_remote_ls(&heads, &count, remote))
        return (0..<count).compactMap { index in
            guard let head = heads?[index]?.pointee, let name = head.name else { return nil }
            return Head(name: String(cString: name), target: ObjectID(head.oid))
        }
    }

    /// The full name, nil when the remote's HEAD names no branch that exists.
    private func defaultBranch(of remote: OpaquePointer) -> String? {
        var name = git_buf()
        defer { git_buf_dispose(&name) }
        guard git_remote_default_branch(&name, remote) == 0, let text = name.ptr else { return nil }
        return String(cString: text)
    }

    private func download(
        _ remote: OpaquePointer, _ refspecs: [String], _ options: inout git_fetch_options
    ) -> Int32 {
        // `strdup` because git_strarray wants mutable strings; two of them, and freed here.
        var specs: [UnsafeMutablePointer<CChar>?] = refspecs.map { git_strdup($0) }
        defer { specs.forEach { $0?.deallocate() } }
        let count = specs.count
        return specs.withUnsafeMutableBufferPointer { buffer in
            var array = git_strarray(strings: buffer.baseAddress, count: count)
            return git_remote_download(remote, &array, &options)
        }
    }

    private static let refspecs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]

    private func git_strdup(_ text: String) -> UnsafeMutablePointer<CChar> {
        let bytes = text.utf8CString
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        _ = UnsafeMutableBufferPointer(start: copy, count: bytes.count).initialize(from: bytes)
        return copy
    }

    /// A tag that leads to another commit than when it was last fetched is a mistake, or worse: who deploys `v2` means one version.
    private func warnOfMovedTags(_ mirror: borrowing Repository, _ heads: [Head]) {
        var moved: [String] = []
        for head in heads where head.name.hasPrefix("refs/tags/") {
            guard let before = mirror.target(ofReference: head.name), before != head.target,
                // Signing it anew, or writing it another message, does not move it.
                let old = try? mirror.commit(from: before)?.id, let new = try? mirror.commit(from: head.target)?.id,
                old != new
            else { continue }
            moved.append("\(head.name.dropFirst("refs/tags/".count)) (\(old.short) before, \(new.short) now)")
        }
        guard !moved.isEmpty else { return }
        let others = moved.count > 5 ? " and \(moved.count - 5) others" : ""
        events.warn("tags were moved since the last deploy: \(moved.prefix(5).joined(separator: ", "))\(others)")
    }

    /// Removes what the remote no longer has first: a branch `a` that became `a/b` could otherwise not be made. A tag that
    /// was moved is moved here too; the release that it named keeps its commit.
    private func update(
        _ mirror: borrowing Repository, to heads: [Head], defaultBranch: String?
    ) throws(BuilderFailure) {
        // `^{}` entries say what an annotated tag leads to; they are not refs.
        let wanted = heads.filter { head in
            (head.name.hasPrefix("refs/heads/") || head.name.hasPrefix("refs/tags/")) && !head.name.hasSuffix("^{}")
        }
        warnOfMovedTags(mirror, wanted)
        let names = Set(wanted.map(\.name))
        for name in try mirror.references() where !names.contains(name) {
            try mirror.removeReference(name)
        }
        for head in wanted { try mirror.setReference(head.name, to: head.target) }
        // With a HEAD that names no branch, the mirror's says so too, rather than an outdated one.
        try mirror.setDefaultBranch(defaultBranch ?? "refs/none")
    }
}
