package import Model

/// Answer to `GET /status`.
package struct StatusReport: Sendable, Codable, Equatable {
    package var server: ServerStatus
    package var apps: [AppStatus]
    package init(server: ServerStatus, apps: [AppStatus]) {
        self.server = server
        self.apps = apps
    }
}

package struct ServerStatus: Sendable, Codable, Equatable {
    package var instance: String
    package var version: String
    package var supervisorPid: Int32
    package var corePid: Int32
    package var startedAt: WallTime
    package var uptimeSeconds: Double
    /// Addresses as people write them: `127.0.0.1:3000`, `unix:/run/app.sock`.
    package var listeners: [String]
    /// What is wrong with the server as a whole, if it serves many apps; of one that serves a single app it is told there.
    package var warnings: [String]?
    /// Workers that all apps together may have; nil from an older server.
    package var maxPoolSize: Int?
    /// Where the admin API and the dashboard are over TCP: `https://192.0.2.1:3200`; nil when they are not.
    package var adminAddress: String?
    /// Where the control groups of generations are, or why there are none.
    package var controlGroups: String?
    package init(
        instance: String, version: String, supervisorPid: Int32, corePid: Int32, startedAt: WallTime,
        uptimeSeconds: Double, listeners: [String]
    ) {
        self.instance = instance
        self.version = version
        self.supervisorPid = supervisorPid
        self.corePid = corePid
        self.startedAt = startedAt
        self.uptimeSeconds = uptimeSeconds
        self.listeners = listeners
    }
}

package enum RootMode: String, Sendable, Codable, CaseIterable {
    /// The code runs where it lies.
    case inPlace = "in_place"
    /// A directory with `releases/` and `.passenger/`.
    case deployRoot = "deploy_root"
}

package struct AppStatus: Sendable, Codable, Equatable {
    package var name: AppName
    package var root: String
    package var mode: RootMode
    /// Nil while a deploy root waits for its first deploy.
    package var kind: AppKind?
    package var environment: String
    /// `42-9be0d13`; nil in place, or before the first deploy.
    package var liveRelease: String?
    package var generations: [GenerationStatus] = []
    /// `processes` of what is live; without those that are to start once the ones before have ended.
    package var companions: [CompanionStatus] = []
    package var queue = QueueStatus(length: 0, max: 0)
    /// Since when its requests are held (`passenger pause`).
    package var pausedSince: WallTime?
    /// Workers that it is kept at by hand (`passenger scale`); nil is as many as are needed.
    package var scale: Int?
    package var operation: OperationStatus?
    /// `passenger lock`: nothing is deployed.
    package var lock: LockStatus?
    /// The last boot or operation that failed, until one succeeds.
    package var lastFailure: FailureReport?
    package var warnings: [String] = []
    /// False: nothing was read or booted yet, the first request does it.
    package var isStarted: Bool?

    /// In the place of an environment, of an app whose configuration is refused: it has none.
    package static let notServed = "not served"
    package var isRefused: Bool { environment == AppStatus.notServed }

    package init(name: AppName, root: String, mode: RootMode, kind: AppKind?, environment: String) {
        self.name = name
        self.root = root
        self.mode = mode
        self.kind = kind
        self.environment = environment
    }
}

package struct GenerationStatus: Sendable, Codable, Equatable {
    package enum State: String, Sendable, Codable, CaseIterable { case booting, proved, live, standby, draining }
    package var number: GenerationNumber
    package var release: String?
    package var state: State
    /// Workers that it is kept at now.
    package var target: Int
    package var workers: [WorkerStatus]
    /// Nil when its workers are started one by one, as they are to be.
    package var preloader: PreloaderStatus?
    /// Of all workers that have been measured; nil when none has.
    package var memory: MemoryStatus?
    /// While it drains: what it waits for.
    package var drain: DrainStatus?
    /// Nil where there are no control groups.
    package var controlGroup: ControlGroupStatus?
    package init(
        number: GenerationNumber, release: String?, state: State, target: Int = 0, workers: [WorkerStatus],
        preloader: PreloaderStatus? = nil
    ) {
        self.preloader = preloader
        self.number = number
        self.release = release
        self.state = state
        self.target = target
        self.workers = workers
    }
}

/// What a draining generation waits for before its last worker ends.
package struct DrainStatus: Sendable, Codable, Equatable {
    package var requests: Int
    /// Upgraded connections and other long answers.
    package var streams: Int
    /// Until requests that are still there are cut.
    package var requestsEndInSeconds: Double?
    /// Until the last stream is closed.
    package var streamsEndInSeconds: Double?
    package init(
        requests: Int, streams: Int, requestsEndInSeconds: Double? = nil, streamsEndInSeconds: Double? = nil
    ) {
        self.requests = requests
        self.streams = streams
        self.requestsEndInSeconds = requestsEndInSeconds
        self.streamsEndInSeconds = streamsEndInSeconds
    }
}

/// The process that a generation's workers are forked from.
package struct PreloaderStatus: Sendable, Codable, Equatable {
    /// `booting`, `ready`, `absent` (started again when a worker is wanted), or `unsuitable`: workers are started one by one.
    package var state: String
    package var pid: Int32?
    /// Why the app is not preloaded.
    package var reason: String?
    package init(state: String, pid: Int32? = nil, reason: String? = nil) {
        self.state = state
        self.pid = pid
        self.reason = reason
    }
}

package struct WorkerStatus: Sendable, Codable, Equatable {
    package var number: WorkerNumber
    /// Nil until it is spawned.
    package var pid: Int32?
    /// As the pool calls it: `launching`, `loading`, `proving`, `unknown`, `available`, `working`, `suspected`, `draining`,
    /// `stopping`.
    package var state: String
    /// While it boots: the step that it is at, as in a failure report (`load_app`, `health`).
    package var step: String?
    package var requestsNow: Int
    package var requestsTotal: Int
    package var ageSeconds: Double
    /// Since it last answered, or came up; nil while it is at a request, and before it ever could be.
    package var idleSeconds: Double?
    /// Requests that it takes at a time; 0 is unlimited. Nil before it is known.
    package var concurrency: Int?
    package var lastError: String?
    /// Of its process tree; nil before the first measurement.
    package var memory: MemoryStatus?
    package init(
        number: WorkerNumber, pid: Int32?, state: String, requestsNow: Int, requestsTotal: Int, ageSeconds: Double,
        lastError: String? = nil
    ) {
        self.number = number
        self.pid = pid
        self.state = state
        self.requestsNow = requestsNow
        self.requestsTotal = requestsTotal
        self.ageSeconds = ageSeconds
        self.lastError = lastError
    }
}

package struct CompanionStatus: Sendable, Codable, Equatable {
    /// `worker.1`: its name and, from 1, which of its instances.
    package var name: String
    /// Nil in place.
    package var release: String?
    /// Nil while there is none.
    package var pid: Int32?
    /// `waiting` for its next start, `starting`, `running`, `quiet` (takes no new work), `stopping`.
    package var state: String
    /// How often it was started again after it had ended by itself.
    package var restarts: Int
    package var ageSeconds: Double
    /// It keeps ending soon after its start.
    package var isFailing: Bool
    /// How it ended by itself the last time, and the last line that it wrote then.
    package var lastError: String?
    package init(
        name: String, release: String?, pid: Int32?, state: String, restarts: Int, ageSeconds: Double, isFailing: Bool,
        lastError: String? = nil
    ) {
        self.name = name
        self.release = release
        self.pid = pid
        self.state = state
        self.restarts = restarts
        self.ageSeconds = ageSeconds
        self.isFailing = isFailing
        self.lastError = lastError
    }
}

package struct QueueStatus: Sendable, Codable, Equatable {
    package var length: Int
    /// 0 means unlimited.
    package var max: Int
    package init(length: Int, max: Int) {
        self.length = length
        self.max = max
    }
}

/// The operation that runs now.
package struct OperationStatus: Sendable, Codable, Equatable {
    package var operation: OperationID
    package var kind: OperationKind
    package var deploy: DeployNumber?
    package var step: String
    package var since: WallTime
    /// Who asked for it: a user's name, `restart.txt`, `server start`.
    package var by: String
    package init(
        operation: OperationID, kind: OperationKind, deploy: DeployNumber?, step: String, since: WallTime, by: String
    ) {
        self.operation = operation
        self.kind = kind
        self.deploy = deploy
        self.step = step
        self.since = since
        self.by = by
    }
}

/// An element of the answer to `GET /apps`.
package struct AppSummary: Sendable, Codable, Equatable {
    package var name: AppName
    package var root: String
    package var mode: RootMode
    package var liveRelease: String?
    package init(name: AppName, root: String, mode: RootMode, liveRelease: String?) {
        self.name = name
        self.root = root
        self.mode = mode
        self.liveRelease = liveRelease
    }
}
