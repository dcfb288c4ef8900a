package import Model

/// Index of an app in the pool's arrays; small, stable while the core lives, never given to another app.
package struct AppIndex: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: Int
    package init(_ rawValue: Int) { self.rawValue = rawValue }
    package var description: String { "app \(rawValue)" }
}

/// How requests are framed on a worker's connections (DESIGN section 7).
package enum WorkerProtocol: UInt8, Sendable, Codable { case session, http }

/// The address of a worker's listener.
package enum WorkerAddress: Hashable, Sendable, Codable, CustomStringConvertible {
    case unix(path: String)
    /// On 127.0.0.1.
    case tcp(port: Int)

    package var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .tcp(let port): "127.0.0.1:\(port)"
        }
    }
}

/// Where a worker is reached. One immutable object per worker, made when its handshake says ready; all claims on the
/// worker share it, so the data path makes no string and copies no settings.
package final class WorkerEndpoint: Sendable {
    package let worker: WorkerNumber
    package let generation: GenerationNumber
    package let app: AppIndex
    /// Small reusable index (0…), over all apps, for per-loop connection tables. A slot is used again once its worker has
    /// exited, so a table entry belongs to a worker only while (`slot`, `worker`) agree.
    package let slot: Int
    /// What the sticky session cookie of this worker's clients holds.
    package let sticky: StickyID
    package let address: WorkerAddress
    package let wireProtocol: WorkerProtocol
    /// It serves one request at a time and reads the next only then, so that requests may be sent ahead to it.
    package let takesAhead: Bool
    /// The settings of its generation.
    package let settings: AppSettings

    package init(
        worker: WorkerNumber, generation: GenerationNumber, app: AppIndex, slot: Int, sticky: StickyID,
        address: WorkerAddress, wireProtocol: WorkerProtocol, takesAhead: Bool = false, settings: AppSettings
    ) {
        self.worker = worker
        self.generation = generation
        self.app = app
        self.slot = slot
        self.sticky = sticky
        self.address = address
        self.wireProtocol = wireProtocol
        self.takesAhead = takesAhead
        self.settings = settings
    }
}
