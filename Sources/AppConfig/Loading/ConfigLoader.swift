import Glibc
import Model

/// Reads and merges configuration from all of its sources, by the order of FEATURES section 1:
/// flag > environment > server file > deploy root's Passengerfile > release's Passengerfile > default.
package struct ConfigLoader: Sendable {
    /// Relative paths in flags and variables are meant from here. Absolute.
    package var workingDirectory: String
    /// The user that the server runs as: only a file of theirs, or of root, may set server keys in place.
    package var userID: UInt32

    package init(workingDirectory: String? = nil, userID: UInt32? = nil) {
        self.workingDirectory = workingDirectory ?? FilePath.workingDirectory() ?? "/"
        self.userID = userID ?? geteuid()
    }
}

extension ConfigLoader {
    /// What is read before anything is merged, lowest layer first.
    struct Sources {
        /// The app's own files: the release's, then the deploy root's; or the one in place.
        var files: [FileLayer] = []
        var operatorLayers = OperatorLayers()
        var operatorWarnings: [ConfigProblem] = []
        var environment: TextLayers.Result
        var flags: TextLayers.Result

        var warnings: [ConfigProblem] { files.flatMap(\.warnings) + environment.warnings + flags.warnings }

        /// Whether the operator set the key anywhere.
        func names(_ key: String) -> Bool {
            [operatorLayers.defaults, environment.layer, flags.layer].contains { layer in
                layer?.entries.contains { $0.key == key } ?? false
            }
        }
    }

    static func merge(_ sources: Sources, appRoot: String) throws(ConfigError) -> Merge {
        var merge = Merge(appRoot: appRoot, isOneOfMany: sources.operatorLayers.isOneOfMany)
        for file in sources.files { merge.apply(ofOneApp: file.layer) }
        if let limits = sources.operatorLayers.limits { merge.applyLimits(limits) }
        if let defaults = sources.operatorLayers.defaults { merge.apply(defaults) }
        if let app = sources.operatorLayers.app { merge.apply(ofOneApp: app) }
        merge.apply(sources.environment.layer)
        merge.apply(sources.flags.layer)
        guard merge.problems.isEmpty else { throw ConfigError(merge.problems) }
        return merge
    }

    static func readAppFile(
        in directory: String, as source: (String) -> ConfigSource,
        serverKeys: (ConfigFile) -> FileLayer.ServerKeys
    ) throws(ConfigError) -> FileLayer? {
        guard let (file, source) = try Passengerfile.read(in: directory, as: source) else { return nil }
        return try FileLayer.make(file, source: source, serverKeys: serverKeys(file))
    }

    static func requireDirectory(_ path: String) throws(ConfigError) {
        guard FilePath.kind(path) != .directory else { return }
        throw ConfigError(ConfigProblem(at: .standard, "\(path) is not a directory that can be read"))
    }
}
