/// How an app's workers are started and spoken to.
package enum AppKind: String, Sendable, Codable, Equatable, CaseIterable {
    /// Ruby, `config.ru`, through the Ruby loader and the session protocol.
    case rack
    /// Python, a WSGI callable named `application`, through the Python loader and the session protocol.
    case wsgi
    /// Python, an ASGI callable named `application` or `app`, through its own uvicorn or hypercorn; HTTP on our socket.
    case asgi
    /// Node.js, through the Node loader; HTTP on our socket.
    case node
    /// Any program that serves HTTP on `$PORT`, `$PASSENGER_SOCKET` or an inherited `LISTEN_FDS` listener.
    case generic
    /// Files of `static_files_dir` without any code; the worker is this program's own.
    case `static`
}

/// Everything that an app's own configuration decides, merged from all sources (FEATURES section 1), for one directory of
/// code. A generation keeps the value it was booted with.
package struct AppSettings: Sendable, Codable, Equatable {
    package var name: AppName
    /// The directory that the code runs in: an in-place root or `releases/<n>-<sha>`, with `subdir` applied. Absolute.
    package var directory: String
    package var kind: AppKind
    /// Relative to `directory`: `config.ru`, `passenger_wsgi.py`, `app.js`. Nil for generic apps.
    package var startupFile: String?
    /// Run as `sh -c 'exec …'` for generic apps (and `npm start`).
    package var startCommand: String?
    /// `production`, `development`, …: becomes RAILS_ENV, RACK_ENV, NODE_ENV, PASSENGER_APP_ENV.
    package var environment: String = "production"
    package var ruby: String = "ruby"
    package var python: String = "python3"
    package var nodejs: String = "node"
    /// Ruby is started with `-rbundler/setup`.
    package var preloadBundler: Bool = false
    /// Variables given to workers, builds and hooks, over the inherited ones.
    package var variables: [String: String] = [:]
    /// Whether the variables that the login shell of the app's user sets up are the app's too, below `variables`.
    package var loadShellEnvvars = false
    /// Absolute path of a `KEY=value` file, read anew for each generation; its variables go over `variables`.
    package var envFile: String?
    /// Signal number sent to a worker's leader to stop it.
    package var stopSignal: Int32 = 15
    package var friendlyErrorPages: Bool = false
    package var serverNames: [String] = []
    package var restartDirectory: String = "tmp"
    /// Whether a change of the app's code restarts it, in place.
    package var watchesSources = false
    /// Absolute path of the file that the output of workers and companions goes to; nil is the server's log.
    package var appLogFile: String?
    package var pool = PoolSettings()
    package var queue = QueueSettings()
    package var http = HTTPSettings()
    package var health = HealthSettings()
    package var deploy = DeploySettings()
    package var users = UserSettings()
    /// What runs beside the live generation, in the order in which it was written.
    package var processes: [CompanionSettings] = []

    package init(name: AppName, directory: String, kind: AppKind) {
        self.name = name
        self.directory = directory
        self.kind = kind
    }
}

/// Names of the users that the app's processes run as; nil means the user that the server itself was started by.
package struct UserSettings: Sendable, Codable, Equatable {
    package var user: String?
    package var group: String?
    package var deployUser: String?
    package var roles = AppRoles()
    package init() {}
}
