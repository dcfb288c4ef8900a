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
    case switchTraffic
    case bake
    /// Hooks of what has happened already; in no plan, and no operation waits for one.
    case afterSwitch, afterStable, afterDrain, onFailure, onRollback

    /// A command of the app's that may change more than its release.
    var isHook: Bool { self == .beforeBoot || self == .beforeSwitch }
}
