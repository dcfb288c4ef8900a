package import Model

/// What to load an app's configuration from; sent to `passenger _inspect`, which reads the app's files as the app's user.
package struct InspectRequest: Sendable, Codable, Equatable {
    package var version = 1
    /// The directory of code: an in-place root, or `ROOT/releases/<n>-<sha>`. Absolute.
    package var directory: String
    /// The deploy root that `directory` is a release of; nil for an app served in place.
    package var root: String?
    /// Nil: from the name of the root or directory.
    package var name: AppName?
    /// `--foo-bar VALUE` flags given to the command, by name.
    package var flags: [String: String]
    package var environment: [String: String]
    /// Relative paths in flags and variables are meant from here. Absolute.
    package var workingDirectory: String
    package var operatorLayers: OperatorLayers

    package init(
        directory: String, root: String? = nil, name: AppName? = nil, flags: [String: String] = [:],
        environment: [String: String] = [:], workingDirectory: String, operatorLayers: OperatorLayers = .init()
    ) {
        self.directory = directory
        self.root = root
        self.name = name
        self.flags = flags
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.operatorLayers = operatorLayers
    }
}

/// What `passenger _inspect` answers: exactly one of the two is set.
package struct InspectAnswer: Sendable, Codable, Equatable {
    package var app: LoadedApp?
    package var error: ConfigError?
    package init(app: LoadedApp) { self.app = app }
    package init(error: ConfigError) { self.error = error }
}
