package import Model

/// Which user an app's processes run as. Pure: names are looked up by the caller.
package struct UserChoice: Sendable, Equatable {
    package enum User: Sendable, Equatable {
        /// The user that the server itself runs as: no switch.
        case invoking
        case named(String)
        case owner(uid: UInt32)
    }

    /// Runs the workers.
    package var workers: User
    /// Group of the workers; nil means the user's primary group.
    package var group: String?
    /// Fetches, checks out, builds, runs hooks, and writes everything under the deploy root.
    package var deploys: User
    package var warnings: [String]

    package struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        package var message: String
        package var hint: String
        package var description: String { "\(message). \(hint)" }
    }

    /// The rule of FEATURES section 2, row `user`.
    /// - Parameters:
    ///   - rootOwner: owner of the app's root directory.
    ///   - isOneOfMany: of a server that serves several apps: then nothing runs as root unless it is told to.
    package static func resolve(
        location: AppLocation, rootOwner: UInt32, settings: UserSettings, startedAsRoot: Bool,
        isOneOfMany: Bool = false
    ) throws(Refusal) -> UserChoice {
        guard startedAsRoot else { return unprivileged(settings) }
        if isOneOfMany, rootOwner == 0, settings.user == nil {
            throw Refusal(
                message: "\(location.path) belongs to root, and no 'user' is set",
                hint:
                    "Set 'user' for the app in the server file, or give the directory to the user that it is to run as."
            )
        }
        switch location {
        case .inPlace(let path): return inPlace(path, rootOwner, settings)
        case .deployRoot(let path): return try deployRoot(path, rootOwner, settings)
        }
    }

    private static func unprivileged(_ settings: UserSettings) -> UserChoice {
        let asked = [("user", settings.user), ("group", settings.group), ("deploy_user", settings.deployUser)]
        let ignored = asked.filter { $0.1 != nil }.map { "'\($0.0)'" }
        let warning = "\(ignored.joined(separator: ", ")) ignored: only a server started by root can switch users"
        return UserChoice(
            workers: .invoking, group: nil, deploys: .invoking, warnings: ignored.isEmpty ? [] : [warning])
    }

    private static func inPlace(_ path: String, _ rootOwner: UInt32, _ settings: UserSettings) -> UserChoice {
        let owner: User = rootOwner == 0 ? .invoking : .owner(uid: rootOwner)
        let workers = settings.user.map(User.named) ?? owner
        var warnings: [String] = []
        if workers == .invoking {
            warnings.append(
                "the app runs as root, because root owns \(path). Give the directory to another user, or set 'user'")
        }
        return UserChoice(
            workers: workers, group: settings.group, deploys: settings.deployUser.map(User.named) ?? workers,
            warnings: warnings)
    }

    private static func deployRoot(
        _ path: String, _ rootOwner: UInt32, _ settings: UserSettings
    ) throws(Refusal) -> UserChoice {
        if rootOwner == 0, settings.user == nil {
            throw Refusal(
                message: "the deploy root \(path) belongs to root, and no 'user' is set",
                hint: "Set 'user' (flag, variable or server file), or give the directory to the user that deploys.")
        }
        let owner: User = rootOwner == 0 ? .invoking : .owner(uid: rootOwner)
        let deploys = settings.deployUser.map(User.named) ?? owner
        var warnings: [String] = []
        if deploys == .invoking {
            warnings.append("builds and hooks run as root, because root owns \(path). Set 'deploy_user'")
        }
        return UserChoice(
            workers: settings.user.map(User.named) ?? deploys, group: settings.group, deploys: deploys,
            warnings: warnings)
    }
}
