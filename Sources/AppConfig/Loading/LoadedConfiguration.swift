package import Model

/// What the server is started with: every source merged, and where each value came from.
package struct LoadedConfiguration: Sendable {
    package var server: ServerSettings
    /// Exactly one, unless the server serves many.
    package var apps: [ConfiguredApp]
    /// With many: those of the server file that cannot be served. The others are none the worse for them.
    package var refused: [RefusedApp] = []
    /// `apps_dir`, whose apps come and go while the server runs.
    package var directory: AppsDirectory?
    package var servesMany = false
    /// Workers of all apps together.
    package var maxPoolSize: Int
    package var warnings: [ConfigProblem]
    /// Where each key's value was written, by dotted name. Keys that nobody set are not in it.
    package var origins: [String: ConfigPlace]
}

/// One app as the server knows it before the app's own files are read, which is done as the app's user.
package struct ConfiguredApp: Sendable, Codable, Equatable {
    package var name: AppName
    package var location: AppLocation
    /// The only app of a server, in place: complete. Else what holds before the app's code has had its say: `kind`,
    /// `startupFile` and `directory` (the root itself) are then placeholders, which `ConfigLoader.loadApp` decides.
    package var settings: AppSettings
    package var operatorLayers: OperatorLayers
    package init(name: AppName, location: AppLocation, settings: AppSettings, operatorLayers: OperatorLayers) {
        self.name = name
        self.location = location
        self.settings = settings
        self.operatorLayers = operatorLayers
    }
}

/// An app that was named and is not served. `status` shows it.
package struct RefusedApp: Sendable, Codable, Equatable {
    package var name: AppName
    package var root: String
    package var reason: String
    package init(name: AppName, root: String, reason: String) {
        self.name = name
        self.root = root
        self.reason = reason
    }
}

/// A directory of apps, with what the server file says of them.
package struct AppsDirectory: Sendable, Codable, Equatable {
    package var path: String
    /// Of every app.
    package var layers: OperatorLayers
    /// Of single ones, by the entry's name.
    package var sections: [String: ConfigLayer]
}

/// One app's configuration, merged for one directory of code.
package struct LoadedApp: Sendable, Codable, Equatable {
    package var settings: AppSettings
    /// What `env_file` holds now. Apart from `settings`, because settings are stored with a generation and the env file
    /// is current truth that does not travel back (FEATURES section 3); it may hold secrets.
    package var fileVariables: [String: String]
    package var warnings: [ConfigProblem]
    package var origins: [String: ConfigPlace]
    /// What the app's own files say and what its directory shows: of this the core makes the settings itself
    /// (`ConfigLoader.judge`), because whoever runs as the app's user may say anything.
    package var files: [ConfigLayer]
    package var facts: AppFacts
}

/// What the server's own configuration says about apps, in a form that can be sent to the app's user.
package struct OperatorLayers: Sendable, Codable, Equatable {
    /// Of every app.
    package var defaults: ConfigLayer?
    /// Of this one, over those.
    package var app: ConfigLayer?
    /// `limits:` of the server file: upper bounds for what an app's own files may ask for.
    package var limits: ConfigLayer?
    /// Of a server that serves several apps: some defaults are others, and `base_uri` is not the app's own to set.
    package var isOneOfMany: Bool
    package init(
        defaults: ConfigLayer? = nil, app: ConfigLayer? = nil, limits: ConfigLayer? = nil, isOneOfMany: Bool = false
    ) {
        self.defaults = defaults
        self.app = app
        self.limits = limits
        self.isOneOfMany = isOneOfMany
    }
}
