extension SupervisorStateMachine {
    /// Why there can be no other plan.
    package var reloadObjection: String? { phase == .serving ? nil : "the server is stopping" }

    /// A core serves, which can take one on.
    package var canReload: Bool { if case .running(let life) = core { life.isReady } else { false } }
}
