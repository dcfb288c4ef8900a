package import Model

/// Who a child is to run as.
package enum Credentials: Sendable, Equatable {
    /// As the supervisor itself.
    case own
    case user(PolicyUser)
}

/// A request that is not carried out. `reason` is for people.
package struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
    package var reason: String
    package var description: String { reason }
}

/// Which children may be started, and as whom. The core that asks parses what strangers send, so nothing that it
/// asks for is taken on trust.
struct SpawnPolicy: Sendable {
    static let largestTarget: Int32 = 255

    private var users: [String: PolicyUser]
    /// Owners of apps that are there now, in a directory that nobody but the supervisor's user, or root, can put an app in.
    private var owners: [String: PolicyUser] = [:]
    private var allowsOwnUser: Bool
    private let ownUser: UInt32

    init(users: [PolicyUser], allowsOwnUser: Bool, ownUser: UInt32, owners: [String: PolicyUser] = [:]) {
        self.owners = owners
        self.users = Dictionary(users.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.allowsOwnUser = allowsOwnUser
        self.ownUser = ownUser
    }

    /// By another plan. Owners of apps that are there stay.
    mutating func replace(users: [PolicyUser], allowsOwnUser: Bool) {
        self = SpawnPolicy(users: users, allowsOwnUser: allowsOwnUser, ownUser: ownUser, owners: owners)
    }

    mutating func setOwners(_ users: [PolicyUser]) {
        owners = Dictionary(users.filter { $0.uid != 0 }.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// For a child that the core asks for.
    func credentials(for name: String?) throws(Refusal) -> Credentials {
        let credentials = try known(name)
        guard credentials != .own || allowsOwnUser else {
            throw Refusal(reason: "no child may run as the supervisor's own user (uid \(ownUser))")
        }
        return credentials
    }

    /// For the core itself, which the plan and not a message names.
    func known(_ name: String?) throws(Refusal) -> Credentials {
        guard let name else { return .own }
        guard let user = users[name] ?? owners[name] else {
            throw Refusal(reason: "user \(name) is not in the server's policy")
        }
        if user.uid == ownUser { return .own }
        guard ownUser == 0 else {
            throw Refusal(reason: "the server was not started as root, so nothing can run as user \(name)")
        }
        return .user(user)
    }

    /// `descriptors`: how many came with the request, the launch plan included.
    func check(_ request: SpawnRequest, descriptors: Int) throws(Refusal) {
        guard descriptors == request.targets.count + 1 else {
            throw Refusal(reason: "\(request.targets.count) targets but \(descriptors) descriptors")
        }
        let targets = Set(request.targets)
        guard targets.count == request.targets.count, targets.allSatisfy({ (0...Self.largestTarget).contains($0) })
        else { throw Refusal(reason: "descriptor targets \(request.targets) are not distinct numbers up to 255") }
        let preloaders: Set = [PreloaderDescriptors.control, PreloaderDescriptors.owner]
        guard request.role != .preloader || targets.isDisjoint(with: preloaders) else {
            throw Refusal(reason: "descriptors \(preloaders.sorted()) of a preloader are the supervisor's")
        }
        guard request.outputPipes == targets.isDisjoint(with: [1, 2]),
            request.outputPipes || targets.isSuperset(of: [1, 2])
        else { throw Refusal(reason: "stdout and stderr must be either pipes of the supervisor or among the targets") }
        if let group = request.group, !ControlGroups.isName(group) {
            throw Refusal(reason: "no control group can be called that")
        }
    }
}
