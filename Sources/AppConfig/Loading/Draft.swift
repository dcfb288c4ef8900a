import Model

/// The settings while sources are being merged: what the keys set directly, and the words from which rules derive the
/// rest once all sources have had their say.
struct Draft: Sendable {
    var server = ServerSettings()
    var app = AppSettings(name: AppName(sanitizing: ""), directory: "/", kind: .generic)

    // Together these become `ServerSettings.listen`.
    var address: String?
    var port = 3000
    var socketFile: String?
    var runtimeDirectory: String?
    var appsDirectory: String?
    // And these `ServerSettings.tls`.
    var ssl: Bool?
    var sslPort: Int?
    var certificates: [String] = []
    var certificateKeys: [String] = []
    // And these `ServerSettings.remoteAdmin`.
    var adminPort: Int?
    var adminAddress: String?
    var adminTokens: String?
    var adminCertificate: String?
    var adminCertificateKey: String?

    // Together with the files that there are, these become kind, startup file and command (`Startup`).
    var kind: AppKind?
    var startupFile: String?
    var startCommand: String?
    var subdirectory: String?
    /// Relative to the app's directory: processes beside those in `app.processes`, which go before its own of the same name.
    var procfile: String?

    var environment: String?
    var friendlyErrorPages: Bool?
    var ruby: String?
    var python: String?
    var nodejs: String?
    /// `deploy.drain_timeout` follows `max_request_time` until it is set itself.
    var isDrainTimeoutSet = false
}
