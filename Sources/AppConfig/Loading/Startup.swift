import Model

/// How an app is started: what its configuration says, or what its files suggest (FEATURES section 2, row `detection`).
struct Startup: Equatable {
    var kind: AppKind
    /// Relative to the app's directory; nil for generic apps.
    var file: String?
    var command: String?

    /// - Parameter lookedIn: files in which `app_start_command` could have been, for the error.
    static func find(in directory: String, _ draft: Draft, lookedIn: [String]) throws(ConfigError) -> Startup {
        if let command = draft.startCommand, draft.kind == nil || draft.kind == .generic {
            return Startup(kind: .generic, file: nil, command: command)
        }
        if let kind = draft.kind { return try configured(kind, in: directory, draft) }
        if let file = draft.startupFile { return try configured(kind(ofFile: file), in: directory, draft) }
        return try detect(in: directory, draft, lookedIn)
    }

    private static func configured(_ kind: AppKind, in directory: String, _ draft: Draft) throws(ConfigError) -> Startup
    {
        if kind == .generic {
            throw ConfigError(
                ConfigProblem(
                    at: .standard, key: "app_type", "an app of type generic needs 'app_start_command'",
                    hint: "For example: app_start_command: ./server --port $PORT"))
        }
        if kind == .static { return Startup(kind: .static) }
        let names = draft.startupFile.map { [$0] } ?? standardFiles(kind)
        if let file = names.first(where: { FilePath.isFile(FilePath.join(directory, $0)) }) {
            return Startup(kind: kind, file: file, command: nil)
        }
        throw ConfigError(
            ConfigProblem(
                at: .standard, key: "startup_file",
                "no startup file in \(directory): looked for \(names.joined(separator: ", ")) (\(kind.rawValue))",
                hint: "Set 'startup_file', or check the directory."))
    }

    private static func kind(ofFile file: String) throws(ConfigError) -> AppKind {
        if file.hasSuffix(".ru") { return .rack }
        if standardFiles(.asgi).contains(FilePath.lastComponent(file)) { return .asgi }
        if file.hasSuffix(".py") { return .wsgi }
        if [".js", ".mjs", ".cjs"].contains(where: file.hasSuffix) { return .node }
        throw ConfigError(
            ConfigProblem(
                at: .standard, key: "startup_file", "what starts '\(file)' cannot be told from its name",
                hint: "Set 'app_type' to rack, wsgi, asgi, node or static, or use 'app_start_command'."))
    }

    private static func standardFiles(_ kind: AppKind) -> [String] {
        switch kind {
        case .rack: ["config.ru"]
        case .wsgi: ["passenger_wsgi.py"]
        case .asgi: ["passenger_asgi.py", "asgi.py"]
        case .node: ["app.js", "server.js"]
        case .generic, .static: []
        }
    }

    private static func detect(in directory: String, _ draft: Draft, _ lookedIn: [String]) throws(ConfigError)
        -> Startup
    {
        func isThere(_ name: String) -> Bool { FilePath.isFile(FilePath.join(directory, name)) }
        if isThere("config.ru") { return Startup(kind: .rack, file: "config.ru") }
        if isThere("passenger_wsgi.py") { return Startup(kind: .wsgi, file: "passenger_wsgi.py") }
        if let file = standardFiles(.asgi).first(where: isThere) { return Startup(kind: .asgi, file: file) }
        if let file = standardFiles(.node).first(where: isThere) { return Startup(kind: .node, file: file) }
        if let scripts = PackageFile.read(FilePath.join(directory, "package.json"))?.scripts, scripts["start"] != nil {
            let file = fileOfNode(scripts).flatMap { name in [name, "\(name).js"].first(where: isThere) }
            return Startup(kind: file == nil ? .generic : .node, file: file, command: file == nil ? "npm start" : nil)
        }
        let files = draft.app.http.files.staticFilesDirectory
        if let files, isThere(FilePath.join(files, "index.html")) { return Startup(kind: .static) }
        throw notFound(in: directory, files, lookedIn)
    }

    private static func notFound(in directory: String, _ site: String?, _ lookedIn: [String]) -> ConfigError {
        let files = lookedIn.isEmpty ? "Passengerfile.json, Passengerfile.yml" : lookedIn.joined(separator: ", ")
        return ConfigError(
            ConfigProblem(
                at: .standard,
                "no app found in \(directory): looked for app_start_command in \(files), and for config.ru (Ruby), "
                    + "passenger_wsgi.py, passenger_asgi.py and asgi.py (Python), app.js, server.js and package.json with "
                    + "a \"start\" script (Node.js), and for \(site ?? "public")/index.html (a site without code)",
                hint: hint(directory)))
    }

    private static func hint(_ directory: String) -> String {
        if FilePath.isFile(FilePath.join(directory, "index.html")) {
            return "The files of a site belong in a directory of their own, such as public: 'static_files_dir'."
        }
        let current = FilePath.join(directory, "current")
        if FilePath.isSymbolicLink(current), FilePath.kind(FilePath.join(directory, "releases")) == .directory {
            return
                "Another tool deploys here: serve \(current), or take it over with `passenger deploy --root \(directory)`."
        }
        return "Add one of these, or set 'app_start_command'."
    }

    /// A start script that is `node FILE` and nothing else does not need npm, whose processes would stand between us and
    /// the app.
    private static func fileOfNode(_ scripts: [String: String]) -> String? {
        let words = scripts["start"]?.split(separator: " ") ?? []
        guard scripts["prestart"] == nil, scripts["poststart"] == nil, words.count == 2, words[0] == "node",
            words[1].allSatisfy({ $0.isLetter || $0.isNumber || "._-/".contains($0) })
        else { return nil }
        return String(words[1])
    }
}
