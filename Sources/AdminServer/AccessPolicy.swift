/// Who may use the admin API: root, and the users that the instance itself runs as. Everybody may connect (the socket's
/// mode says so), so that a stranger is told why and not just "permission denied".
package struct AccessPolicy: Sendable, Equatable {
    private let users: Set<UInt32>

    /// `instanceUsers` are the supervisor's and the core's user ids.
    package init(instanceUsers: [UInt32]) {
        users = Set(instanceUsers).union([0])
    }

    package func allows(_ caller: Caller) -> Bool { users.contains(caller.uid) }
}
