package import Model

/// `POST /apps/{app}/scale`.
package struct ScaleRequest: Sendable, Codable, Equatable {
    /// Keep the app at so many workers; nil: at as many as are needed, between `min_instances` and its ceiling.
    package var workers: Int?
    package init(workers: Int? = nil) { self.workers = workers }
}

/// Answer to it.
package struct ScaleAnswer: Sendable, Codable, Equatable {
    package var app: AppName
    /// As asked for; nil after a reset.
    package var wanted: Int?
    /// What it is kept at now; less than wanted where `max_pool_size` or `max_instances` leaves no more.
    package var kept: Int
    package init(app: AppName, wanted: Int?, kept: Int) {
        self.app = app
        self.wanted = wanted
        self.kept = kept
    }
}

/// `POST /apps/{app}/pause`.
package struct PauseRequest: Sendable, Codable, Equatable {
    package static let standardHold = 30.0

    /// How long a request is held before it is answered with 503.
    package var holdSeconds: Double
    package init(holdSeconds: Double = PauseRequest.standardHold) { self.holdSeconds = holdSeconds }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        holdSeconds = try container.decodeIfPresent(Double.self, forKey: .holdSeconds) ?? PauseRequest.standardHold
    }
}

/// `POST /apps/{app}/resume`.
package struct ResumeRequest: Sendable, Codable, Equatable {
    package init() {}
}

/// Answer to both.
package struct PauseAnswer: Sendable, Codable, Equatable {
    package var app: AppName
    package var isPaused: Bool
    /// Requests that wait now; after `resume`, those that there is no worker for yet.
    package var held: Int
    package init(app: AppName, isPaused: Bool, held: Int) {
        self.app = app
        self.isPaused = isPaused
        self.held = held
    }
}

/// `POST /apps/{app}/workers/{pid}/detach`.
package struct DetachRequest: Sendable, Codable, Equatable {
    package init() {}
}

/// Answer to it.
package struct DetachAnswer: Sendable, Codable, Equatable {
    package enum Outcome: String, Sendable, Codable, CaseIterable {
        /// It gets no more requests, and ends when it has answered those that it has; another one boots.
        case detached
        /// It is the only one that serves: it goes when another one has taken its place.
        case replacedFirst = "replaced_first"
        /// It was leaving already.
        case leaving
    }
    package var app: AppName
    package var worker: WorkerNumber
    package var pid: Int32
    package var outcome: Outcome
    package init(app: AppName, worker: WorkerNumber, pid: Int32, outcome: Outcome) {
        self.app = app
        self.worker = worker
        self.pid = pid
        self.outcome = outcome
    }
}
