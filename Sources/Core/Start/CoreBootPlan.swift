package import AppConfig
import Deploys
import Foundation
package import Model

/// All that a core is told when it starts, by whoever started the server; the supervisor keeps it, opaque, and gives it
/// to every core. JSON.
package struct CoreBootPlan: Codable, Sendable {
    package var programVersion: String
    package var server: ServerSettings
    /// Exactly one, unless the server serves many.
    package var apps: [AppPlan]
    package var refused: [RefusedApp]
    /// Its apps come and go while the server runs.
    package var directory: AppsDirectory?
    package var servesMany: Bool
    /// Workers of all apps together.
    package var maxPoolSize: Int
    /// About the server; an app's own are in its plan.
    package var warnings: [String]
    /// What the apps' files are read again with, at restart and deploy.
    package var flags: [String: String]
    package var environment: [String: String]
    package var workingDirectory: String
    /// `loaders/` and `templates/` of this version.
    package var loaderDirectory: String
    package var templateDirectory: String
    package var instanceDirectory: String
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
    /// Whether the supervisor can give a process a lower nice value than it has.
    package var lowersNiceness: Bool

    /// Where plain requests are sent; nil: they are served.
    var redirectPort: Int? { server.tls.redirect ? server.tls.listen.lazy.compactMap(\.port).first : nil }

    var serverField: String { server.showVersionInHeader ? "passenger/\(programVersion)" : "passenger" }

    /// Also one of a version before this one: an upgrade begins with it.
    package static func decode(_ bytes: [UInt8]) throws -> CoreBootPlan {
        try OlderSettings.decode(CoreBootPlan.self, from: Data(bytes))
    }

    package init(
        programVersion: String, server: ServerSettings, apps: [AppPlan], refused: [RefusedApp],
        directory: AppsDirectory?, servesMany: Bool, maxPoolSize: Int, warnings: [String], flags: [String: String],
        environment: [String: String], workingDirectory: String, loaderDirectory: String, templateDirectory: String,
        instanceDirectory: String, socketDirectory: String, isTransient: Bool, ownUser: UInt32, coreUser: UInt32,
        openFilesSoft: UInt64, openFilesHard: UInt64, lowersNiceness: Bool
    ) {
        self.programVersion = programVersion
        self.server = server
        self.apps = apps
        self.refused = refused
        self.directory = directory
        self.servesMany = servesMany
        self.maxPoolSize = maxPoolSize
        self.warnings = warnings
        self.flags = flags
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.loaderDirectory = loaderDirectory
        self.templateDirectory = templateDirectory
        self.instanceDirectory = instanceDirectory
        self.socketDirectory = socketDirectory
        self.isTransient = isTransient
        self.ownUser = ownUser
        self.coreUser = coreUser
        self.openFilesSoft = openFilesSoft
        self.openFilesHard = openFilesHard
        self.lowersNiceness = lowersNiceness
    }
}
