/// What somebody may do with one app. Each role includes looking, and none of the others.
package enum AppRole: String, Sendable, Codable, CaseIterable, CustomStringConvertible {
    /// Status, deploys, releases, events.
    case view
    /// Deploy, roll back, abort, resume, restart, lock.
    case deploy
    /// Scale, pause, detach processes.
    case operate
    /// Run something as the app, or see and change its environment.
    case shell

    package var description: String { rawValue }

    package func includes(_ needed: AppRole) -> Bool { self == needed || needed == .view }
}
