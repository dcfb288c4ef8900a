package import AppConfig
package import Model

/// All that a core is told when it starts, by whoever started the server; the supervisor keeps it, opaque, and gives it
/// to every core. JSON.
package struct CoreBootPlan: Codable, Sendable {
    package struct Users: Codable, Sendable {
        /// Names in the supervisor's policy; nil is the user that the server was started by.
        package var workers: String?
        package var deploys: String?
        package init(workers: String?, deploys: String?) {
            self.workers = workers
            self.deploys = deploys
        }
    }

    package var programVersion: String
    package var server: ServerSettings
    package var location: AppLocation
    package var appName: AppName
    /// In place: complete. For a deploy root: what holds before a release has had its say.
    package var settings: AppSettings
    package var warnings: [String]
    package var users: Users
    /// What the app's files are read again with, at restart and deploy.
    package var flags: [String: String]
    package var environment: [String: String]
    package var workingDirectory: String
    package var operatorLayers: OperatorLayers
    /// `loaders/` and `templates/` of this version.
    package var loaderDirectory: String
    package var templateDirectory: String
    package var instanceDirectory: String
    /// Nil: an app in place keeps no state.
    package var stateDirectory: String?
    /// Mode 0700 and the core's: workers' sockets.
    package var socketDirectory: String
    /// Made for one `deploy` while no server runs: no gateway, and nothing is booted.
    package var isTransient: Bool
    /// uid that the server was started by.
    package var ownUser: UInt32
    /// uid of the core; differs from `ownUser` when root started the server.
    package var coreUser: UInt32
    package var openFilesSoft: UInt64
    package var openFilesHard: UInt64

    package init(
        programVersion: String, server: ServerSettings, location: AppLocation, appName: AppName,
        settings: AppSettings, warnings: [String], users: Users, flags: [String: String],
        environment: [String: String], workingDirectory: String, operatorLayers: OperatorLayers,
        loaderDirectory: String, templateDirectory: String, instanceDirectory: String, stateDirectory: String?,
        socketDirectory: String, isTransient: Bool, ownUser: UInt32, coreUser: UInt32, openFilesSoft: UInt64,
        openFilesHard: UInt64
    ) {
        self.programVersion = programVersion
        self.server = server
        self.location = location
        self.appName = appName
        self.settings = settings
        self.warnings = warnings
        self.users = users
        self.flags = flags
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.operatorLayers = operatorLayers
        self.loaderDirectory = loaderDirectory
        self.templateDirectory = templateDirectory
        self.instanceDirectory = instanceDirectory
        self.stateDirectory = stateDirectory
        self.socketDirectory = socketDirectory
        self.isTransient = isTransient
        self.ownUser = ownUser
        self.coreUser = coreUser
        self.openFilesSoft = openFilesSoft
        self.openFilesHard = openFilesHard
    }
}
