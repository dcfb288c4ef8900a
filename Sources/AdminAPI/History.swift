package import Model

/// An element of the answer to `GET /apps/{app}/deploys`, newest first.
package struct DeploySummary: Sendable, Codable, Equatable {
    package var number: DeployNumber
    package var ref: String?
    /// Full object id, once the ref is resolved.
    package var revision: String?
    package var release: String?
    /// Journal state as it is written there: `building`, `stable`, `failed`, …
    package var state: String
    package var startedAt: WallTime?
    package var finishedAt: WallTime?
    package var by: String?
    /// One line, when it failed.
    package var reason: String?

    package init(number: DeployNumber, state: String) {
        self.number = number
        self.state = state
    }
}

/// Answer to `GET /apps/{app}/deploys/{n}`.
package struct DeployDetail: Sendable, Codable, Equatable {
    package var summary: DeploySummary
    package var steps: [DeployStep]
    package var failure: FailureReport?
    /// Set while its events can be followed.
    package var operation: OperationID?
    package var requester: DeployRequester?
    package var commit: DeployCommit?
    package var repository: String?
    /// Name of the release that was live when it began.
    package var previous: String?
    /// How it ended, as its last event said; nil while it runs.
    package var result: OperationResult?
    package init(
        summary: DeploySummary, steps: [DeployStep], failure: FailureReport? = nil, operation: OperationID? = nil
    ) {
        self.summary = summary
        self.steps = steps
        self.failure = failure
        self.operation = operation
    }
}

/// Who asked: `uid` by the kernel's word, the rest by the asking program's.
package struct DeployRequester: Sendable, Codable, Equatable {
    package var user: String?
    package var uid: UInt32
    package var command: String
    /// See `Pipeline`.
    package var ci: [String: String]
    /// The pipeline's page.
    package var link: String?
    package init(user: String?, uid: UInt32, command: String, ci: [String: String]) {
        self.user = user
        self.uid = uid
        self.command = command
        self.ci = ci
        link = Pipeline.link(ci)
    }
}

package struct DeployCommit: Sendable, Codable, Equatable {
    /// Full object id.
    package var id: String
    package var author: String
    /// First line of its message.
    package var subject: String
    package init(id: String, author: String, subject: String) {
        self.id = id
        self.author = author
        self.subject = subject
    }
}

package struct DeployStep: Sendable, Codable, Equatable {
    package var step: String
    /// `done`, `running`, `failed`, `unknown`.
    package var state: String
    package var seconds: Double?
    package var startedAt: WallTime?
    package init(step: String, state: String, seconds: Double? = nil, startedAt: WallTime? = nil) {
        self.startedAt = startedAt
        self.step = step
        self.state = state
        self.seconds = seconds
    }
}

/// An element of the answer to `GET /apps/{app}/releases`, newest first.
package struct ReleaseSummary: Sendable, Codable, Equatable {
    package var number: DeployNumber
    /// Directory name: `42-9be0d13`.
    package var name: String
    package var revision: String?
    package var ref: String?
    /// `sealed`, `live`, `stable`, `superseded`, `failed`, `withdrawn`.
    package var state: String
    package var createdAt: WallTime?
    /// First line of the commit's message.
    package var subject: String?
    package var isLive: Bool
    /// What `passenger rollback` without a number would choose.
    package var isRollbackTarget: Bool
    package init(number: DeployNumber, name: String, state: String, isLive: Bool, isRollbackTarget: Bool) {
        self.number = number
        self.name = name
        self.state = state
        self.isLive = isLive
        self.isRollbackTarget = isRollbackTarget
    }
}
