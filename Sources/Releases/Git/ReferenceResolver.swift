/// Turns what a person calls a version into one commit.
///
/// Order: nothing or `HEAD` is the remote's default branch; a full ref name is itself; a branch or tag by its short name
/// (both, at different commits, is an error rather than git's silent preference for the tag); then an id of 4 to 40 digits.
struct ReferenceResolver {
    func resolve(_ text: String?, in mirror: borrowing Repository) throws(BuilderFailure) -> CommitInfo {
        let defaultBranch = mirror.defaultBranch()
        let (id, reference) = try find(text, in: mirror, defaultBranch: defaultBranch)
        guard let commit = try mirror.commit(from: id) else {
            throw BuilderFailure(.unknownRef, "\(text ?? id.hex) is a git object, but not a commit")
        }
        return CommitInfo(
            id: commit.id, ref: reference, author: commit.author, subject: commit.subject,
            committedAt: commit.committedAt, defaultBranch: defaultBranch)
    }

    private func find(
        _ text: String?, in mirror: borrowing Repository, defaultBranch: String?
    ) throws(BuilderFailure) -> (ObjectID, reference: String?) {
        guard let text, text != "HEAD" else { return try findDefault(in: mirror, defaultBranch: defaultBranch) }
        if text.hasPrefix("refs/"), let target = mirror.target(ofReference: text) { return (target, text) }

        let (branchName, tagName) = ("refs/heads/\(text)", "refs/tags/\(text)")
        let branch = mirror.target(ofReference: branchName)
        let tag = mirror.target(ofReference: tagName)
        if let branch, let tag, try mirror.commit(from: branch)?.id != mirror.commit(from: tag)?.id {
            throw BuilderFailure(
                .ambiguousRef, "\(text) is a branch and a tag, at different commits",
                hint: "say \(branchName) or \(tagName)")
        }
        if let branch { return (branch, branchName) }
        if let tag { return (tag, tagName) }

        let digits = text.lowercased()
        if (4...40).contains(digits.utf8.count), digits.utf8.allSatisfy(CommitID.isDigit),
            let object = try mirror.object(withPrefix: digits)
        {
            return (object, nil)
        }
        throw unknown(text, names: try mirror.references().compactMap(ReferenceResolver.shortName))
    }

    private func findDefault(
        in mirror: borrowing Repository, defaultBranch: String?
    ) throws(BuilderFailure) -> (ObjectID, reference: String?) {
        if let defaultBranch, let target = mirror.target(ofReference: "refs/heads/\(defaultBranch)") {
            return (target, "refs/heads/\(defaultBranch)")
        }
        let branches = try mirror.references().filter { $0.hasPrefix("refs/heads/") }
            .compactMap(ReferenceResolver.shortName)
        throw BuilderFailure(
            .unknownRef, "the repository's HEAD names no branch that exists, so there is no default branch",
            hint: "say which: " + branches.prefix(5).joined(separator: ", "))
    }

    private func unknown(_ text: String, names: [String]) -> BuilderFailure {
        let near = NearestNames.of(text, among: names)
        let hint =
            near.isEmpty
            ? "it has " + names.sorted().prefix(5).joined(separator: ", ") + (names.count > 5 ? " and others" : "")
            : "did you mean " + near.joined(separator: ", ") + "?"
        return BuilderFailure(.unknownRef, "the repository has no branch, tag or commit \(text)", hint: hint)
    }

    static func shortName(_ full: String) -> String? {
        for prefix in ["refs/heads/", "refs/tags/"] where full.hasPrefix(prefix) {
            return String(full.dropFirst(prefix.count))
        }
        return nil
    }
}
