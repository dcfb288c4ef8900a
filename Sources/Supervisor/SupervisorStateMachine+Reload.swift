extension SupervisorStateMachine {
    /// Why no core can take on another plan now.
    package var reloadObjection: String? {
        guard phase == .serving else { return "the server is stopping" }
        guard case .running(let life) = core, life.isReady else { return "the server is starting: try again" }
        return nil
    }
}
