/// How a generation is preloaded, for `status`.
package struct PreloaderReport: Sendable, Equatable {
    package enum State: String, Sendable {
        case booting, ready
        /// Started again when a worker is wanted.
        case absent
        /// Workers are started one by one.
        case unsuitable
    }
    package var state: State
    package var pid: Int32?
    /// Why the app is not preloaded.
    package var reason: String?
    package init(state: State, pid: Int32? = nil, reason: String? = nil) {
        self.state = state
        self.pid = pid
        self.reason = reason
    }
}
