package import AppConfig
package import Model

/// What a core is told of one app, before the app's own files are read.
package struct AppPlan: Codable, Sendable {
    package struct Users: Codable, Sendable, Equatable {
        /// Names in the supervisor's policy; nil is the user that the server was started by.
        package var workers: String?
        package var deploys: String?
        /// uids of those who have every role with the app: who owns its directory, and who was named to deploy it.
        package var owners: Set<UInt32> = []
        package init(workers: String? = nil, deploys: String? = nil) {
            self.workers = workers
            self.deploys = deploys
        }
    }

    package var app: ConfiguredApp
    package var users: Users
    /// Nil: an app in place keeps no state.
    package var stateDirectory: String?
    package var warnings: [String]
    /// It comes from the directory of apps, and goes with its entry there.
    package var isEntry = false

    package var name: AppName { app.name }
    package var location: AppLocation { app.location }
    package var settings: AppSettings { app.settings }

    package init(app: ConfiguredApp, users: Users, stateDirectory: String?, warnings: [String]) {
        self.app = app
        self.users = users
        self.stateDirectory = stateDirectory
        self.warnings = warnings
    }
}
