package import AdminAPI
package import Model

/// A caller as the user database knows it.
package struct CallerIdentity: Sendable, Equatable {
    package var uid: UInt32
    /// Nil for a uid without a name.
    package var user: String?
    package var groups: Set<String>
    package init(uid: UInt32, user: String?, groups: Set<String>) {
        self.uid = uid
        self.user = user
        self.groups = groups
    }
}

/// Who may do what with one app.
package struct AppAccess: Sendable, Equatable {
    package var app: AppName
    /// Have every role with it.
    package var owners: Set<UInt32>
    package var roles: AppRoles
    package init(app: AppName, owners: Set<UInt32>, roles: AppRoles) {
        self.app = app
        self.owners = owners
        self.roles = roles
    }
}

/// What one caller may do: decided when it connects, of who it is by the kernel's word.
package enum Standing: Sendable, Equatable {
    /// Root, and the instance's own user.
    case all
    case roles([AppName: Set<AppRole>])

    package var isStranger: Bool { self == .roles([:]) }

    package func allows(_ role: AppRole, _ app: AppName) -> Bool {
        switch self {
        case .all: true
        case .roles(let held): held[app]?.contains { $0.includes(role) } ?? false
        }
    }
}

/// The rule of FEATURES section 4: root and the instance's user have all, an app's owner has its own app's, others what
/// the server file gives them. Everybody may connect (the socket's mode says so), so that a stranger is told why and not
/// just "permission denied".
package struct AccessPolicy: Sendable, Equatable {
    private let users: Set<UInt32>

    /// `instanceUsers` are the supervisor's and the core's user ids.
    package init(instanceUsers: [UInt32]) {
        users = Set(instanceUsers).union([0])
    }

    /// Whether nothing else has to be known of it.
    package func hasAll(_ caller: Caller) -> Bool { users.contains(caller.uid) }

    package func standing(of caller: CallerIdentity, apps: [AppAccess]) -> Standing {
        if users.contains(caller.uid) { return .all }
        var held: [AppName: Set<AppRole>] = [:]
        for app in apps {
            let roles =
                app.owners.contains(caller.uid)
                ? Set(AppRole.allCases) : app.roles.held(user: caller.user, groups: caller.groups)
            if !roles.isEmpty { held[app.app] = roles }
        }
        return .roles(held)
    }

    package static func refusal(of caller: Caller, _ role: AppRole, _ access: AppAccess?, app: AppName) -> ControlError
    {
        let holders = access.map { $0.roles.holders(of: role) } ?? []
        let others = holders.isEmpty ? "" : ", and \(holders.joined(separator: ", "))"
        return ControlError(
            .forbidden, "\(caller.subject) may not \(AccessPolicy.deed(role)) \(app).",
            hint: "Root, the user that the server runs as and the app's owner may\(others): 'roles' in the server file."
        )
    }

    private static func deed(_ role: AppRole) -> String {
        switch role {
        case .view: "look at"
        case .deploy: "deploy"
        case .operate: "operate"
        case .shell: "run anything as"
        }
    }
}
