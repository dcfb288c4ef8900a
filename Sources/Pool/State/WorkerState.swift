/// A worker's life.
///
///     launching ──> loading ──> proving ──> available <──> suspected, working
///         │            │           │            │  │            │
///         │            │           │            │  └─> draining │
///         └────────────┴───────────┴───> stopping <───────┴─────┘
///     unknown (adopted) ──> available, stopping
///                                   any of them ──> gone (workerExited: the last word)
package enum WorkerState: String, Sendable, Codable, CaseIterable {
    /// Asked for; no process is known yet.
    case launching
    /// The process runs; its handshake has not said ready.
    case loading
    /// Ready by its handshake; the health probe has not decided.
    case proving
    /// Served for an earlier core, and has not answered this one yet: perhaps it is busy with a request of that one. Gets no
    /// request before it does; silence is no reason to stop it.
    case unknown
    /// Gets requests.
    case available
    /// It asked for time to itself (out-of-band work), and gets no request until it is done.
    case working
    /// A connection to it failed: gets no request until it is proved again.
    case suspected
    /// Gets no request ever again; stops when idle, at a deadline in any case.
    case draining
    /// `stopWorker` was asked for.
    case stopping
    case gone

    /// Before it ever could serve.
    var isBooting: Bool { self == .launching || self == .loading || self == .proving }
    /// Counts for its generation's target.
    var isKept: Bool { isBooting || self == .unknown || self == .available || self == .working || self == .suspected }

    func mayBecome(_ next: WorkerState) -> Bool {
        switch (self, next) {
        case (.gone, _): false
        case (_, .gone): true
        case (.launching, .loading), (.launching, .proving), (.loading, .proving): true
        case (.launching, .available), (.loading, .available), (.proving, .available): true
        case (.launching, .unknown), (.unknown, .available): true
        case (.available, .suspected), (.suspected, .available): true
        case (.available, .working), (.working, .available), (.working, .draining): true
        case (.available, .draining), (.suspected, .draining): true
        case (.stopping, .stopping): true
        case (_, .stopping): true
        default: false
        }
    }
}
