package import Model

/// What a later core has to know to go on with the workers of this one (`Pool.record`, `Pool.adopt`): only what is in service
/// or was, because what boots or ends has nobody who waits for it any more.
package struct PoolRecord: Sendable, Equatable, Codable {
    package var apps: [AppRecord]
    /// The highest number that a worker has had.
    package var lastWorker: WorkerNumber

    package init(apps: [AppRecord] = [], lastWorker: WorkerNumber = WorkerNumber(0)) {
        self.apps = apps
        self.lastWorker = lastWorker
    }
}

package struct AppRecord: Sendable, Equatable, Codable {
    package var name: AppName
    /// Oldest first; each live, standby, proved or booting.
    package var generations: [GenerationRecord]
    /// The one that the traffic belongs to.
    package var live: GenerationNumber?
    /// The highest number that a generation has had.
    package var lastGeneration: GenerationNumber
    /// Workers that it is kept at by hand.
    package var scale: Int?

    package init(
        name: AppName, generations: [GenerationRecord] = [], live: GenerationNumber? = nil,
        lastGeneration: GenerationNumber = GenerationNumber(0), scale: Int? = nil
    ) {
        self.name = name
        self.generations = generations
        self.live = live
        self.lastGeneration = lastGeneration
        self.scale = scale
    }
}

package struct GenerationRecord: Sendable, Equatable, Codable {
    package var number: GenerationNumber
    package var spec: GenerationSpec
    package var state: GenerationState
    package var target: Int
    package var bornAt: Instant
    /// Those that serve.
    package var workers: [WorkerRecord]

    package init(
        number: GenerationNumber, spec: GenerationSpec, state: GenerationState, target: Int, bornAt: Instant,
        workers: [WorkerRecord]
    ) {
        self.number = number
        self.spec = spec
        self.state = state
        self.target = target
        self.bornAt = bornAt
        self.workers = workers
    }
}

package struct WorkerRecord: Sendable, Equatable, Codable {
    package var number: WorkerNumber
    package var sticky: StickyID
    package var address: WorkerAddress
    package var wireProtocol: WorkerProtocol
    /// As its handshake said; 0 is unlimited.
    package var concurrency: Int
    package var requests: UInt64
    package var bornAt: Instant
    /// What the core that wrote this has under way there and answers itself. Nil: that core may be gone, and whether the worker
    /// still serves is not known.
    package var load: WorkerShare?

    package init(
        number: WorkerNumber, sticky: StickyID, address: WorkerAddress, wireProtocol: WorkerProtocol,
        concurrency: Int, requests: UInt64 = 0, bornAt: Instant, load: WorkerShare? = nil
    ) {
        self.load = load
        self.number = number
        self.sticky = sticky
        self.address = address
        self.wireProtocol = wireProtocol
        self.concurrency = concurrency
        self.requests = requests
        self.bornAt = bornAt
    }
}

/// Of a worker's time: claims on a place, and claims without one.
package struct WorkerShare: Sendable, Equatable, Codable {
    package static let none = WorkerShare()
    package var requests: Int
    package var streams: Int

    package init(requests: Int = 0, streams: Int = 0) {
        self.requests = requests
        self.streams = streams
    }
}
