import AppConfig
import Linux
import Model

/// passwd(5) entries of the users that the supervisor's policy names.
enum UserDirectory {
    /// A policy name is a user's name, with `:group` behind it when the group is not the user's own.
    static func entry(policyName: String) -> AppEnvironment.User? {
        lookUpEntry(name: name(policyName)).map { AppEnvironment.User(name: $0.name, home: $0.home, shell: $0.shell) }
    }

    static func entry(uid: UInt32) -> AppEnvironment.User? {
        lookUpEntry(uid: uid).map { AppEnvironment.User(name: $0.name, home: $0.home, shell: $0.shell) }
    }

    /// Nil for the server's own user.
    static func uid(policyName: String?) -> UInt32? {
        policyName.flatMap { (try? lookUpUser(name: name($0))) ?? nil }?.uid
    }

    private static func name(_ policyName: String) -> String { String(policyName.prefix { $0 != ":" }) }
}
