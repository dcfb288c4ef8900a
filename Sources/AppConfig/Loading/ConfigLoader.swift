import Glibc

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
    /// What `passenger start` needs. `serverFile` is `--config FILE`.
    package func loadServer(
        arguments: [String: String], environment: [String: String], directory: String, serverFile: String? = nil
    ) throws(ConfigError) -> LoadedConfiguration {
        throw ConfigError([])
    }

    /// One app's settings for one directory of code. Reads the app's files, so it is to be run as the app's user.
    package func loadApp(_ request: InspectRequest) throws(ConfigError) -> LoadedApp {
        throw ConfigError([])
    }
}
