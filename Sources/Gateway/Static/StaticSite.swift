package import Model

/// Where the files of one app lie, for one set of generations. Immutable: a deploy makes a new one, and what a `FileCache`
/// knows of the old one goes with it.
package final class StaticSite: Sendable {
    package struct Release: Sendable, Equatable {
        /// Absolute path of the release, which a link may not leave. In place: the app's directory.
        package var directory: String
        /// Absolute path of the app in it (`subdir`), which the settings' paths are relative to.
        package var application: String
        package init(directory: String, application: String? = nil) {
            self.directory = directory
            self.application = application ?? directory
        }
    }

    /// A directory that stands at a URL prefix.
    struct Mount: Sendable {
        /// `/_next/static`; empty for `static_files_dir`.
        var prefix: [UInt8]
        var directory: String

        /// Whether a decoded path lies at or below the prefix.
        func contains(_ path: UnsafeRawBufferPointer) -> Bool {
            guard path.count > prefix.count else { return false }
            return prefix.withUnsafeBytes { path.upTo(prefix.count).equals($0) }
                && path[prefix.count] == UInt8(ascii: "/")
        }
    }

    /// The live one, those of other generations, then past ones. Only fingerprinted names are looked up past the first.
    package let releases: [Release]
    let shared: String?
    let staticRoots: [String]
    /// Longest prefix first.
    let mounts: [Mount]

    /// - Parameters:
    ///   - releases: which past ones are still in the list (`asset_overlap`) is the caller's decision.
    ///   - shared: absolute path of the app's shared directory.
    package init(releases: [Release], shared: String?, settings: FileSettings) {
        self.releases = releases
        self.shared = shared
        staticRoots = settings.staticRoots
        var mounts = settings.staticPaths.map { prefix, directory in
            Mount(prefix: StaticSite.prefix(prefix), directory: directory)
        }
        mounts.sort { ($0.prefix.count, $1.directory) > ($1.prefix.count, $0.directory) }
        if let directory = settings.staticFilesDirectory, !directory.isEmpty {
            mounts.append(Mount(prefix: [], directory: directory))
        }
        self.mounts = mounts
    }

    /// With a slash at its start and none at its end.
    static func prefix(_ text: String) -> [UInt8] {
        var bytes = Array(text.utf8)
        while bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        if let first = bytes.first, first != UInt8(ascii: "/") { bytes.insert(UInt8(ascii: "/"), at: 0) }
        return bytes
    }

    /// An absolute path stays, another one is below `base`.
    static func path(_ path: String, in base: String) -> String {
        path.utf8.first == UInt8(ascii: "/") ? path : base + "/" + path
    }
}
