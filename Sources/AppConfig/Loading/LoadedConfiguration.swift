package import Model

/// What the server is started with: every source merged, and where each value came from.
package struct LoadedConfiguration: Sendable {
    package var server: ServerSettings
    /// In place: the app, complete. For a deploy root: what holds before any release has had its say. `kind`,
    /// `startupFile` and `directory` (the root itself) are then placeholders: `ConfigLoader.loadApp` decides them for each
    /// release.
    package var app: AppSettings
    package var location: AppLocation
    package var warnings: [ConfigProblem]
    /// Where each key's value was written, by dotted name. Keys that nobody set are not in it.
    package var origins: [String: ConfigPlace]
    /// The server file's app keys and caps, to be handed to `loadApp`, which runs as a user who may not read that file.
    package var operatorLayers: OperatorLayers
}

/// One app's configuration, merged for one directory of code.
package struct LoadedApp: Sendable, Codable, Equatable {
    package var settings: AppSettings
    /// What `env_file` holds now. Apart from `settings`, because settings are stored with a generation and the env file
    /// is current truth that does not travel back (FEATURES section 3); it may hold secrets.
    package var fileVariables: [String: String]
    package var warnings: [ConfigProblem]
    package var origins: [String: ConfigPlace]
}

/// What the server's own configuration says about apps, in a form that can be sent to the app's user.
package struct OperatorLayers: Sendable, Codable, Equatable {
    package var defaults: ConfigLayer?
    /// `limits:` of the server file: upper bounds for what an app's own files may ask for.
    package var limits: ConfigLayer?
    package init(defaults: ConfigLayer? = nil, limits: ConfigLayer? = nil) {
        self.defaults = defaults
        self.limits = limits
    }
}
