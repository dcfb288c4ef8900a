package import Logging
import Synchronization

/// How much is logged by every logger that was given no level of its own. It may change while they are in use.
package final class SharedLevel: Sendable {
    private let state: Mutex<Logger.Level>

    package init(_ level: Logger.Level) { state = Mutex(level) }

    package var level: Logger.Level {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}
