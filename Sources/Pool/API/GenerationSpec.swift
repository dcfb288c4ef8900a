package import Model

/// The release that a generation runs, for people and for the journal. In-place apps have none.
package struct ReleaseLabel: Sendable, Equatable, Codable {
    package var number: DeployNumber
    /// The release's directory name: `42-9be0d13`.
    package var name: String
    /// The full object id.
    package var revision: String
    package init(number: DeployNumber, name: String, revision: String) {
        self.number = number
        self.name = name
        self.revision = revision
    }
}

/// What makes a booted worker good enough for traffic.
package enum Proof: UInt8, Sendable, Codable {
    /// The health probe (`PoolDelegate.proveWorker`).
    case health
    /// The handshake alone: trial boots, and in-place development.
    case handshake
}

/// What is booted. Fixed when the boot is asked for: every later replacement of a worker uses the same value, so a
/// configuration or a `current` link that changed meanwhile never gets into an old generation.
package struct GenerationSpec: Sendable, Equatable, Codable {
    package var app: AppName
    /// `settings.directory` is what runs.
    package var settings: AppSettings
    /// Nil in place.
    package var release: ReleaseLabel?
    /// Wanted; what `PoolLimits` leaves of it is the generation's target.
    package var workers: Int
    package var proof: Proof

    package init(
        app: AppName, settings: AppSettings, release: ReleaseLabel? = nil, workers: Int, proof: Proof = .health
    ) {
        self.app = app
        self.settings = settings
        self.release = release
        self.workers = workers
        self.proof = proof
    }
}

/// A generation of which every worker has proved itself.
package struct BootedGeneration: Sendable, Equatable {
    package var number: GenerationNumber
    /// At least one worker was proved by an answer that is no proper proof (a redirect, a 404 on `/`).
    package var weakProof: Bool
    /// The path that its workers were asked for; nil when their handshake was proof enough.
    package var provedBy: String?
    /// From the request to the last worker's proof.
    package var bootTime: Duration
    package init(number: GenerationNumber, weakProof: Bool, provedBy: String? = nil, bootTime: Duration) {
        self.number = number
        self.weakProof = weakProof
        self.provedBy = provedBy
        self.bootTime = bootTime
    }
}
