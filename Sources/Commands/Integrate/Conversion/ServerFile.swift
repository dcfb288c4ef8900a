import Model

/// passenger's server file, as it is made of a web server's configuration. Keys are of `KeyTable`; values are YAML, quoted
/// already.
struct ServerFile {
    var socket: String
    /// Of the server, and of all apps.
    var values: [String: String] = [:]
    /// Lines of comment, by the key that they belong to; those of no key stand at its top.
    var comments: [String: [String]] = [:]
    private(set) var apps: [FoundApp] = []
    private var names: Set<String> = []

    init(socket: String) { self.socket = socket }

    /// One app may have several servers: with and without TLS, or under several names.
    mutating func add(_ app: FoundApp) {
        if let known = apps.firstIndex(where: { $0.root == app.root && $0.baseURI == app.baseURI }) {
            for name in app.serverNames where !apps[known].serverNames.contains(name) {
                apps[known].serverNames.append(name)
            }
            apps[known].values.merge(app.values) { $1 }
            apps[known].environment.merge(app.environment) { $1 }
            apps[known].comments.merge(app.comments) { $1 }
            apps[known].add(app)
            return
        }
        var app = app
        app.name = freeName(app)
        names.insert(app.name)
        apps.append(app)
    }

    /// The app that a URL is for, by its host and path.
    func app(host: String, path: String) -> Int? {
        apps.indices.filter { index in
            let app = apps[index]
            let base = app.baseURI == "/" ? "" : app.baseURI
            return (app.serverNames.contains(host) || app.serverNames.isEmpty)
                && (path == base || path.hasPrefix(base + "/"))
        }.max { apps[$0].baseURI.count < apps[$1].baseURI.count }
    }

    mutating func setDefault(_ key: String, _ value: String, app: Int) {
        apps[app].values[key] = apps[app].values[key] ?? value
    }

    private func freeName(_ app: FoundApp) -> String {
        let host = app.serverNames.first { !$0.hasPrefix("*") } ?? app.serverNames.first.map { String($0.dropFirst(2)) }
        let directory = app.root.split(separator: "/").last { $0 != "current" }.map(String.init)
        let path = app.baseURI == "/" ? "" : app.baseURI.replacing("/", with: "-")
        let name = AppName(sanitizing: (host ?? directory ?? "app") + path).rawValue
        guard names.contains(name) else { return name }
        return (2...).lazy.map { "\(name.prefix(60))-\($0)" }.first { !names.contains($0) } ?? name
    }

    func text(from source: String) -> String {
        var lines = [
            "# Made of \(source.filter { !$0.isNewline }) by `passenger integrate --from`. Look it over, then:",
            "#     passenger start --config /etc/passenger/passenger.yml",
        ]
        lines += comments[""] ?? []
        lines.append("socket_file: \(JSONText.quoted(socket))")
        lines += values.sorted { $0.key < $1.key }.flatMap { (comments[$0.key] ?? []) + ["\($0.key): \($0.value)"] }
        lines.append("apps:")
        for app in apps {
            lines.append("  \(JSONText.quoted(app.name)):")
            lines += app.lines.map { "    \($0)" }
        }
        if !apps.contains(where: { $0.values["load_shell_envvars"] != nil }) {
            lines.append(
                "# Passenger gave apps what the login shell of their user sets up (.profile). If one needs that:")
            lines.append("# load_shell_envvars: true")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

/// One app of Passenger's.
struct FoundApp {
    var name = ""
    var root: String
    var baseURI = "/"
    var serverNames: [String]
    var values: [String: String] = [:]
    var environment: [String: String] = [:]
    var unlimitedPaths: [String] = []
    /// URL prefix to directory, of `internal` locations.
    var accelRedirects: [String: String] = [:]
    var sendfileRoots: [String] = []
    /// Lines of comment, by the key or the variable that they belong to.
    var comments: [String: [String]] = [:]

    init(root: String, baseURI: String = "/", serverNames: [String]) {
        self.root = root
        self.baseURI = baseURI
        self.serverNames = serverNames
    }

    mutating func add(_ other: FoundApp) {
        unlimitedPaths += other.unlimitedPaths.filter { !unlimitedPaths.contains($0) }
        sendfileRoots += other.sendfileRoots.filter { !sendfileRoots.contains($0) }
        accelRedirects.merge(other.accelRedirects) { $1 }
    }

    fileprivate var lines: [String] {
        var lines = ["root: \(JSONText.quoted(root))"]
        func list(_ key: String, _ values: [String]) {
            guard !values.isEmpty else { return }
            lines.append("\(key): [\(values.map(JSONText.quoted).joined(separator: ", "))]")
        }
        func map(_ key: String, _ values: [String: String]) {
            guard !values.isEmpty else { return }
            lines.append("\(key):")
            lines += values.sorted { $0.key < $1.key }.flatMap { name, value in
                (comments["\(key).\(name)"] ?? []).map { "  \($0)" }
                    + ["  \(JSONText.quoted(name)): \(JSONText.quoted(value))"]
            }
        }
        list("server_names", serverNames)
        if baseURI != "/" { lines.append("base_uri: \(JSONText.quoted(baseURI))") }
        lines += values.sorted { $0.key < $1.key }.flatMap { (comments[$0.key] ?? []) + ["\($0.key): \($0.value)"] }
        list("unlimited_concurrency_paths", unlimitedPaths)
        map("accel_redirects", accelRedirects)
        list("sendfile_roots", sendfileRoots)
        map("envvars", environment)
        return lines
    }
}
