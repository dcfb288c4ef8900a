/// One entry of `deploy.shared`: a path inside a release that outlives it.
struct SharedPath: Equatable {
    var components: [FileName]
    /// Written with a slash at the end, which says that it is a directory even if nothing of it exists yet.
    var isMarkedDirectory: Bool

    init(_ text: String) throws(BuilderFailure) {
        var parts = text.split(separator: "/", omittingEmptySubsequences: false)
        isMarkedDirectory = parts.count > 1 && parts.last == ""
        if isMarkedDirectory { parts.removeLast() }
        // "./log" is how some write it.
        if parts.count > 1, parts.first == "." { parts.removeFirst() }
        let names = parts.map { FileName(String($0)) }
        components = names.compactMap { $0 }
        guard !components.isEmpty, components.count == names.count else {
            throw BuilderFailure(
                .invalidRequest, "deploy.shared: \(text) is not a path inside the release",
                hint: "write it relative to the release and without `..`, like log/ or config/master.key", path: text)
        }
    }

    var text: String { components.map(\.description).joined(separator: "/") }

    /// What the link says, seen from the directory in the release that it is in: out of the release, over to `shared/`.
    var linkTarget: String { String(repeating: "../", count: components.count + 1) + "shared/" + text }

    /// What to make when neither the release nor `shared/` has it: a file if its name has a dot (`.env`, `master.key`).
    var looksLikeDirectory: Bool {
        isMarkedDirectory || !(components.last?.bytes.contains(UInt8(ascii: ".")) ?? false)
    }

    /// The paths of a list, without repetitions. One inside another is an error: its link would be made in `shared/`.
    static func parse(_ texts: [String]) throws(BuilderFailure) -> [SharedPath] {
        var paths: [SharedPath] = []
        for text in texts {
            let path = try SharedPath(text)
            if paths.contains(where: { $0.components == path.components }) { continue }
            if let other = paths.first(where: { $0.overlaps(path) }) {
                throw BuilderFailure(
                    .invalidRequest, "deploy.shared: \(path.text) and \(other.text) lie inside each other",
                    hint: "name only the outer one", path: path.text)
            }
            paths.append(path)
        }
        return paths
    }

    private func overlaps(_ other: SharedPath) -> Bool {
        components.starts(with: other.components) || other.components.starts(with: components)
    }
}
