import Linux
import Model

extension CallerIdentity {
    /// As the user database has it. It may take its time, where it is a directory on the network.
    init(_ caller: Caller) {
        let user = (try? lookUpUser(uid: caller.uid)) ?? nil
        let groups = (user?.groups ?? []).compactMap { groupName(gid: $0) }
        self.init(uid: caller.uid, user: user?.name, groups: Set(groups))
    }
}
