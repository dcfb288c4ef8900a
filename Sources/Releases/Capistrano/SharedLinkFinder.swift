import Glibc

/// Where a release has links into `shared/`.
package struct SharedLinksFound: Codable, Sendable, Equatable {
    /// Relative to the release, and the same in `shared/`: what `deploy.shared` can name.
    package var paths: [String] = []
    /// Other links into it, as `config/db.yml -> shared/db.yml`: `deploy.shared` has no words for them.
    package var others: [String] = []
    /// There was too much to look through.
    package var isCut = false
    package init() {}
}

/// Looks through a release, level by level: what Capistrano links (`linked_dirs`, `linked_files`) lies near the top.
struct SharedLinkFinder: ~Copyable {
    private static let mostEntries = 20_000
    private static let mostFound = 200
    private static let maxDepth = 6

    private let root: Directory
    /// `shared/` as absolute links spell it.
    private let prefixes: [String]

    /// - Parameter alsoAt: another path to the root, by which links are made there.
    init(_ root: borrowing Directory, alsoAt: String? = nil) throws(BuilderFailure) {
        self.root = try root.reopened()
        let real = realpath(root.path, nil)
        defer { free(real) }
        let paths = [root.path, alsoAt, real.map { String(cString: $0) }].compactMap { $0 }
        prefixes = Set(paths).map { "\($0)/\(DeployRoot.sharedName)/" }
    }

    func find(in name: ReleaseName) throws(BuilderFailure) -> SharedLinksFound {
        let release = try root.openDirectory(DeployRoot.releasesName).openDirectory(FileName(name))
        var found = SharedLinksFound()
        var level: [[FileName]] = [[]]
        var looked = 0
        for depth in 0..<Self.maxDepth where !level.isEmpty {
            var next: [[FileName]] = []
            for path in level {
                let directory = try release.opening(path[...])
                for entry in try directory.entries() {
                    looked += 1
                    guard looked <= Self.mostEntries, found.paths.count + found.others.count < Self.mostFound else {
                        found.isCut = true
                        return found.sorted
                    }
                    guard let status = try directory.status(entry) else { continue }
                    if status.isLink {
                        note(path + [entry], try directory.readLink(entry), of: name, &found)
                    } else if status.isDirectory, depth + 1 < Self.maxDepth, entry != Self.git {
                        next.append(path + [entry])
                    }
                }
            }
            level = next
        }
        return found.sorted
    }

    private static let git = FileName(literal: ".git")

    private func note(_ path: [FileName], _ target: String, of name: ReleaseName, _ found: inout SharedLinksFound) {
        guard let shared = inShared(target, from: path.dropLast(), of: name) else { return }
        let text = path.map(\.description).joined(separator: "/")
        let isText = path.allSatisfy { String(validating: $0.bytes, as: UTF8.self) != nil }
        if shared == text, isText, shown(text) == text {
            found.paths.append(text)
        } else {
            found.others.append(shown("\(text) -> shared/\(shared)"))
        }
    }

    private func shown(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
    }

    /// By what the link says: nothing is looked up.
    private func inShared(_ target: String, from parents: ArraySlice<FileName>, of name: ReleaseName) -> String? {
        if target.hasPrefix("/") {
            for prefix in prefixes where target.hasPrefix(prefix) { return String(target.dropFirst(prefix.count)) }
            return nil
        }
        var place = ["releases", "\(name)"] + parents.map(\.description)
        for part in target.split(separator: "/") where part != "." {
            if part != ".." { place.append(String(part)) } else if place.popLast() == nil { return nil }
        }
        guard place.count > 1, place[0] == DeployRoot.sharedName.description else { return nil }
        return place.dropFirst().joined(separator: "/")
    }
}

extension SharedLinksFound {
    fileprivate var sorted: SharedLinksFound {
        var sorted = self
        sorted.paths.sort()
        sorted.others.sort()
        return sorted
    }
}

extension Directory {
    fileprivate func opening(_ names: ArraySlice<FileName>) throws(BuilderFailure) -> Directory {
        guard let first = names.first else { return try reopened() }
        return try openDirectory(first).opening(names.dropFirst())
    }
}
