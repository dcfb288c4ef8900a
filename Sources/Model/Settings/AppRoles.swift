/// Who has which role with an app, besides those who have all: users by name, groups as `@group`.
package struct AppRoles: Sendable, Codable, Equatable {
    private var holders: [String: [String]] = [:]

    package init() {}

    package subscript(_ role: AppRole) -> [String] {
        get { holders[role.rawValue] ?? [] }
        set { holders[role.rawValue] = newValue.isEmpty ? nil : newValue }
    }

    package var isEmpty: Bool { holders.isEmpty }

    /// What a user of these names has.
    package func held(user: String?, groups: Set<String>) -> Set<AppRole> {
        let granted = AppRole.allCases.filter { role in
            self[role].contains { name in
                name.hasPrefix("@") ? groups.contains(String(name.dropFirst())) : name == user
            }
        }
        return Set(granted)
    }

    /// Those who may do what needs `role`, as they are written.
    package func holders(of role: AppRole) -> [String] {
        var names: [String] = []
        for other in AppRole.allCases where other.includes(role) {
            for name in self[other] where !names.contains(name) { names.append(name) }
        }
        return names
    }
}
