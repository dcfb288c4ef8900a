package import Model

/// Answer to `GET /apps/{app}/context`: what a process of the live version has around it. Its environment holds the app's
/// secrets: for those who may run anything as the app.
package struct ProcessContext: Sendable, Codable, Equatable {
    package var app: AppName
    package var kind: AppKind
    /// Nil in place.
    package var release: String?
    package var directory: String
    /// `NAME=value`.
    package var environment: [String]
    /// Interpreters of the app.
    package var ruby: String
    package var python: String
    package var nodejs: String
    package init(
        app: AppName, kind: AppKind, release: String?, directory: String, environment: [String], ruby: String,
        python: String, nodejs: String
    ) {
        self.app = app
        self.kind = kind
        self.release = release
        self.directory = directory
        self.environment = environment
        self.ruby = ruby
        self.python = python
        self.nodejs = nodejs
    }
}
