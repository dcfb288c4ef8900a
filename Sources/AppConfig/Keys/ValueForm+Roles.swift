import Model

extension ValueForm where Value == AppRoles {
    /// `{deploy: [alice, "@ops"], view: [bob]}`; one name may stand without a list.
    static var roles: ValueForm {
        ValueForm(
            shape: .map, expected: "a mapping of roles (view, deploy, operate, shell) to users and @groups",
            example: "{deploy: [alice, '@ops'], view: ['@staff']}"
        ) { node, _ throws(WrongForm) in
            guard case .map(let members) = node.content else { throw WrongForm(node) }
            var roles = AppRoles()
            for member in members {
                guard let role = AppRole(rawValue: member.name) else {
                    throw WrongForm(
                        ConfigNode(.scalar(member.name), at: member.place),
                        "'\(member.name.shortened(to: 60))' is none of view, deploy, operate and shell")
                }
                roles[role] = try holders(member.value)
            }
            return roles
        }
    }

    private static func holders(_ node: ConfigNode) throws(WrongForm) -> [String] {
        switch node.content {
        case .list(let nodes):
            var names: [String] = []
            for node in nodes { names.append(try holder(node)) }
            return names
        case .scalar: return [try holder(node)]
        case .null, .map: throw WrongForm(node, "a role is held by a list of users and @groups")
        }
    }

    private static func holder(_ node: ConfigNode) throws(WrongForm) -> String {
        let name = try node.scalarText()
        let bare = name.hasPrefix("@") ? name.dropFirst() : name[...]
        let isName =
            (1...64).contains(bare.utf8.count)
            && bare.utf8.allSatisfy { HTTPText.isLetterOrDigit($0) || "_-.$".utf8.contains($0) }
        guard isName, bare.first != "-" else {
            throw WrongForm(node, "'\(name.shortened(to: 60))' is no user's name, and no @group")
        }
        return name
    }
}
