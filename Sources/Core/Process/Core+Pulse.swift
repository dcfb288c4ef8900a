import Model
import NIOCore
import Spawning

// Whether this core still works.
extension Core {
    /// The supervisor asks. Answered by way of all that serves requests: the loop that ticks the pool, and so waits for the
    /// pool's lock, and serves the admin socket; then each loop of the gateway. Not by way of what deploys and operations run
    /// on: a disk that hangs may hold these up, and is no reason to kill a core that serves.
    func answerPing() {
        group.any().execute { [turn, link] in
            let whenDone = turn.value
            // The socket fails only when the supervisor is gone, and this process with it.
            whenDone { try? link.send(.pong) }
        }
    }
}
