/// A step of an operation, in the order of a deploy's journey. A step that is done is a state of the journal.
package enum DeployStep: String, Sendable, Codable, CaseIterable {
    /// Read the configuration of an app that is about to be booted without being built: restart, rollback.
    case inspect
    case fetch, resolve, checkout, link, build, seal
    /// Trial boot: one worker, handshake only, then stopped.
    case prove
    case beforeBoot
    /// Bring a parked standby back to the size of the live generation.
    case grow
    /// Boot and prove every worker of the new generation beside the old one.
    case boot
    /// All of its workers are still there just before they get the traffic.
    case health
    case beforeSwitch
    /// A part of the traffic goes to the new version, and the two are compared.
    case canary
    /// A person says whether it goes on.
    case approve
    /// The new version takes over in batches, and the old one shrinks by as many workers.
    case roll
    /// Requests are held, and the old version stops: the new one cannot run beside it.
    case replace
    case switchTraffic
    case bake
    /// Hooks of what has happened already; in no plan, and no operation waits for one.
    case afterSwitch, afterStable, afterDrain, onFailure, onRollback
    /// The result is told to whoever wants to know it.
    case webhook

    /// For people and for programs: hooks have the names that they have in a Passengerfile. The journal has the raw values.
    package var name: String { rawValue.inSnakeCase }

    /// A command of the app's that may change more than its release.
    var isHook: Bool { self == .beforeBoot || self == .beforeSwitch }

    /// Commands of the app's that an operation waits for.
    var waitsForCommands: Bool { self == .build || isHook }

    /// Commands of the app's that nothing waits for.
    var isAfterwards: Bool {
        switch self {
        case .afterSwitch, .afterStable, .afterDrain, .onFailure, .onRollback: true
        default: false
        }
    }

    /// Nothing is done but to look: no task runs, and what ends it comes from outside.
    package var isWatch: Bool { self == .canary || self == .approve || self == .bake }
}

extension DeployStep: CustomStringConvertible {
    package var description: String { name }
}

extension String {
    /// `before_boot` of `beforeBoot`.
    var inSnakeCase: String { reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : "\($1)" } }
}
