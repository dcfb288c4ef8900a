package import Model

/// What the asking program says about itself, for the journal: nothing is decided by it. Who it really is, the kernel
/// says.
package struct RequestOrigin: Sendable, Codable, Equatable {
    /// `passenger deploy v2`
    package var command: String
    /// The pipeline's own variables: `GITHUB_RUN_ID`, `CI_PIPELINE_URL`, …
    package var ci: [String: String]
    package init(command: String, ci: [String: String] = [:]) {
        self.command = command
        self.ci = ci
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        command = try container.decode(String.self, forKey: .command)
        ci = try container.decodeIfPresent([String: String].self, forKey: .ci) ?? [:]
    }
}

/// `POST /apps/{app}/deploys`.
package struct DeployRequest: Sendable, Codable, Equatable {
    /// Branch, tag or commit; nil is the configured branch, else the remote's default.
    package var ref: String?
    /// Takes the place of the configured `deploy.repo`.
    package var repo: String?
    /// Deploy a commit whose release was rolled back from.
    package var force: Bool = false
    /// Deploy a commit that is older than the live one.
    package var allowOlder: Bool = false
    /// When the repository cannot be reached, deploy from what was fetched before.
    package var mirrored: Bool = false
    /// Takes the place of the configured `deploy.bake`.
    package var bakeSeconds: Double?
    /// Percent of the requests that it gets first: over the configured `deploy.strategy`.
    package var canaryPercent: Double?
    /// When another operation runs: wait for it, instead of being refused.
    package var wait: Bool = false
    /// When another operation runs: wait for it, in the place of what waits already.
    package var queueLatest: Bool = false
    /// `ref` is a commit that was made of an archive (`PUT /apps/{app}/archive`).
    package var archive: Bool?
    package var origin: RequestOrigin?
    package init() {}

    /// A body may leave out whatever it has no opinion about.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        archive = try container.decodeIfPresent(Bool.self, forKey: .archive)
        ref = try container.decodeIfPresent(String.self, forKey: .ref)
        repo = try container.decodeIfPresent(String.self, forKey: .repo)
        force = try container.decodeIfPresent(Bool.self, forKey: .force) ?? false
        allowOlder = try container.decodeIfPresent(Bool.self, forKey: .allowOlder) ?? false
        mirrored = try container.decodeIfPresent(Bool.self, forKey: .mirrored) ?? false
        bakeSeconds = try container.decodeIfPresent(Double.self, forKey: .bakeSeconds)
        canaryPercent = try container.decodeIfPresent(Double.self, forKey: .canaryPercent)
        queueLatest = try container.decodeIfPresent(Bool.self, forKey: .queueLatest) ?? false
        wait = try container.decodeIfPresent(Bool.self, forKey: .wait) ?? false
        origin = try container.decodeIfPresent(RequestOrigin.self, forKey: .origin)
    }
}

/// `POST /apps/{app}/rollback`.
package struct RollbackRequest: Sendable, Codable, Equatable {
    /// Nil: the last stable release that is neither live nor withdrawn.
    package var to: DeployNumber?
    /// Switch to the standby as it is, without growing it to the capacity in use first.
    package var now: Bool = false
    /// Also to a release that was rolled back from.
    package var force: Bool = false
    /// Puts this version of the env file in force, and restarts after the switch; without it the file stays as it is.
    package var withEnv: Int?
    package var origin: RequestOrigin?
    package init() {}

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        to = try container.decodeIfPresent(DeployNumber.self, forKey: .to)
        now = try container.decodeIfPresent(Bool.self, forKey: .now) ?? false
        withEnv = try container.decodeIfPresent(Int.self, forKey: .withEnv)
        force = try container.decodeIfPresent(Bool.self, forKey: .force) ?? false
        origin = try container.decodeIfPresent(RequestOrigin.self, forKey: .origin)
    }
}

/// `POST /apps/{app}/deploys/{n}/abort`, `…/resume`, `…/approve`.
package struct DeployOrder: Sendable, Codable, Equatable {
    package var origin: RequestOrigin?
    package init(origin: RequestOrigin? = nil) { self.origin = origin }
}

/// `POST /apps/{app}/restart`.
package struct RestartRequest: Sendable, Codable, Equatable {
    package var origin: RequestOrigin?
    package init() {}
}

/// `POST /stop`.
package struct StopRequest: Sendable, Codable, Equatable {
    /// Do not wait for requests in flight.
    package var hurry: Bool = false
    package init() {}

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        hurry = try container.decodeIfPresent(Bool.self, forKey: .hurry) ?? false
    }
}

/// Answer to `POST /stop`: which process to wait for.
package struct StopAccepted: Sendable, Codable, Equatable {
    package var supervisorPid: Int32
    /// How long it may take by the server's settings; nil from an older server.
    package var withinSeconds: Double?
    package init(supervisorPid: Int32) { self.supervisorPid = supervisorPid }
}

/// Answer to `GET /ping`.
package struct PingAnswer: Sendable, Codable, Equatable {
    package var version: String
    package var instance: String
    package init(version: String, instance: String) {
        self.version = version
        self.instance = instance
    }
}

/// Answer to every request that starts an operation; its events are at `/apps/{app}/operations/{operation}/events`.
package struct OperationAccepted: Sendable, Codable, Equatable {
    package var app: AppName
    package var operation: OperationID
    /// The number that a deploy was given.
    package var deploy: DeployNumber?
    package init(app: AppName, operation: OperationID, deploy: DeployNumber? = nil) {
        self.app = app
        self.operation = operation
        self.deploy = deploy
    }
}
