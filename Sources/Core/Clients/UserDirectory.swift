import AppConfig
import Linux

/// passwd(5) entries of the users that the supervisor's policy names.
enum UserDirectory {
    /// A policy name is a user's name, with `:group` behind it when the group is not the user's own.
    static func entry(policyName: String) -> AppEnvironment.User? {
        let name = String(policyName.prefix { $0 != ":" })
        return lookUpEntry(name: name).map { AppEnvironment.User(name: $0.name, home: $0.home, shell: $0.shell) }
    }
}
