package import Model

/// The environment that an app's processes are given.
package enum AppEnvironment {
    /// The target user's entries, from passwd(5).
    package struct User: Sendable, Equatable {
        package var name: String
        package var home: String
        package var shell: String
        package init(name: String, home: String, shell: String) {
            self.name = name
            self.home = home
            self.shell = shell
        }
    }

    /// `KEY=value` strings, sorted. Later rules win: what we inherited (or a login shell
    /// made of it), without what is ours or leaked from a
    /// `bundle exec`; the user's own HOME and the like; the names of the environment; `envvars`; the env file.
    /// - Parameter fileVariables: what `env_file` holds (`LoadedApp.fileVariables`).
    package static func make(
        inherited: [String: String], settings: AppSettings, fileVariables: [String: String] = [:], user: User? = nil
    ) -> [String] {
        var variables = base(inherited, user)
        for name in environmentNames { variables[name] = settings.environment }
        variables["IN_PASSENGER"] = "1"
        variables.merge(settings.variables) { $1 }
        variables.merge(fileVariables) { $1 }
        return variables.map { "\($0.key)=\($0.value)" }.sorted()
    }

    /// What a login shell is started with, `KEY=value`.
    package static func login(inherited: [String: String], user: User?) -> [String] {
        base(inherited, user).map { "\($0.key)=\($0.value)" }.sorted()
    }

    private static func base(_ inherited: [String: String], _ user: User?) -> [String: String] {
        var variables = BundlerLeak.mended(inherited).filter { !isOurs($0.key) }
        if let user {
            variables["HOME"] = user.home
            variables["USER"] = user.name
            variables["LOGNAME"] = user.name
            variables["SHELL"] = user.shell
        }
        return variables
    }

    /// Variables that tell the frameworks which environment they are in.
    static let environmentNames = ["RAILS_ENV", "RACK_ENV", "NODE_ENV", "PASSENGER_APP_ENV"]

    private static func isOurs(_ name: String) -> Bool {
        name.hasPrefix("_PASSENGER_") || TextLayers.isConfiguration(name)
    }
}
