import Linux

/// Whether the control group that we were started in is ours to divide. Root can do so everywhere, but what a service
/// manager has made is that one's (systemd, "Control Group APIs and Delegation").
enum Delegation {
    /// Nil when it is ours.
    static func objection(
        _ place: ControlGroupPlace, owner: UInt32, user: UInt32, isMarked: Bool, hasServiceManager: Bool
    ) -> String? {
        if place.isReadOnly { return "\(place.path) is read-only" }
        if isMarked { return nil }
        if user != 0, owner == user { return nil }
        // A container, or a machine on which nobody else divides: what can be seen from here is all there is.
        if user == 0, place.isTop, !hasServiceManager { return nil }
        return "\(place.path) is not delegated to this server (in a systemd unit: Delegate=yes)"
    }
}
