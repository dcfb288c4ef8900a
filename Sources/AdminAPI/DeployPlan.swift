package import Model

/// Answer to `POST /apps/{app}/deploys/plan`: what a deploy would do.
package struct DeployPlan: Sendable, Codable, Equatable {
    package struct Step: Sendable, Codable, Equatable {
        package var title: String
        package var commands: [String]
        package init(title: String, commands: [String]) {
            self.title = title
            self.commands = commands
        }
    }

    package var app: AppName
    package var repository: String
    package var ref: String
    package var revision: String
    package var author: String
    package var subject: String
    /// That it would get.
    package var deploy: DeployNumber
    /// What is live now.
    package var from: String?
    package var strategy: String
    /// Nil without a server: the release would be built and left pending.
    package var workers: Int?
    package var bakeSeconds: Double
    package var steps: [Step]
    package var notes: [String]
    /// Why it would be refused, or fail; empty when nothing is known that speaks against it.
    package var obstacles: [FailureReport]

    package init(
        app: AppName, repository: String, ref: String, revision: String, author: String, subject: String,
        deploy: DeployNumber, from: String?, strategy: String, workers: Int?, bakeSeconds: Double, steps: [Step],
        notes: [String], obstacles: [FailureReport]
    ) {
        self.app = app
        self.repository = repository
        self.ref = ref
        self.revision = revision
        self.author = author
        self.subject = subject
        self.deploy = deploy
        self.from = from
        self.strategy = strategy
        self.workers = workers
        self.bakeSeconds = bakeSeconds
        self.steps = steps
        self.notes = notes
        self.obstacles = obstacles
    }
}
