import Model

/// Makes `AppSettings` of a merged draft: applies the rules that need the app's directory or several keys at once.
struct AppAssembly {
    var directory: String
    /// The deploy root, if the app has one.
    var root: String?
    var name: AppName?
    var environment: [String: String]
    var isOneOfMany = false

    func settings(_ merge: Merge) throws(ConfigError) -> AppSettings {
        var app = try common(merge)
        try app.apply(try facts(merge), merge.origins)
        return app
    }

    func facts(_ merge: Merge) throws(ConfigError) -> AppFacts {
        let draft = merge.draft
        let place = draft.subdirectory.map { FilePath.join(directory, $0) } ?? directory
        try ConfigLoader.requireDirectory(place)
        let files = [directory, root].compactMap { $0 }.flatMap { place in
            Passengerfile.names.map { FilePath.join(place, $0) }
        }
        let startup = try Startup.find(in: place, draft, lookedIn: files)
        let interpreters = Interpreters(searchPath: environment["PATH"], directory: place)
        return AppFacts(
            directory: place, kind: startup.kind, startupFile: startup.file, startCommand: startup.command,
            ruby: interpreters.ruby(draft.ruby), python: interpreters.python(draft.python),
            nodejs: interpreters.nodejs(draft.nodejs), envFile: draft.app.envFile ?? standardEnvFile,
            procfile: try Procfile.read(draft.procfile, in: place, merge.origins["processes"]),
            staticPaths: FrameworkFiles.staticPaths(in: place))
    }

    /// What holds without a look at the code: for a deploy root that has no release yet, all there is to say.
    func common(_ merge: Merge) throws(ConfigError) -> AppSettings {
        let draft = merge.draft
        var app = draft.app
        app.name = name ?? AppAssembly.name(of: root ?? directory)
        app.directory = directory
        app.environment = draft.environment ?? standardEnvironment
        app.friendlyErrorPages = draft.friendlyErrorPages ?? (app.environment == "development")
        app.health.host = app.health.host ?? app.firstServerName
        app.envFile = app.envFile ?? standardEnvFile
        if !draft.isDrainTimeoutSet, app.http.maxRequestTime > .zero {
            app.deploy.drainTimeout = app.http.maxRequestTime
        }
        // Who wants workers kept wants them from the start; of many apps, those that have none wait for a request.
        if merge.isOneOfMany, merge.origins["prestart"] == nil, app.pool.minInstances > 0 { app.pool.prestart = true }
        try AppAssembly.checkPool(app.pool, merge.origins)
        return app
    }

    func warnings(_ app: AppSettings) -> [ConfigProblem] {
        notFound(app) + notInstalled(app) + threadWarnings(app) + watchWarnings(app)
    }

    private func watchWarnings(_ app: AppSettings) -> [ConfigProblem] {
        guard app.watchesSources, root != nil else { return [] }
        return [
            ConfigProblem(
                at: .standard, key: "watch", "'watch' does nothing here: a release never changes",
                hint: "It is for an app's own directory: passenger start DIR --watch.")
        ]
    }

    private func threadWarnings(_ app: AppSettings) -> [ConfigProblem] {
        if app.pool.concurrencyModel == .process, app.pool.threadCount > 1 {
            return [
                ConfigProblem(
                    at: .standard, key: "thread_count", "'thread_count' counts only with 'concurrency_model' thread",
                    hint: "Set 'concurrency_model: thread' too.")
            ]
        }
        guard app.pool.concurrencyModel == .thread, app.kind != .rack, app.kind != .wsgi else { return [] }
        return [
            ConfigProblem(
                at: .standard, key: "concurrency_model",
                "'concurrency_model' does nothing for an app of type \(app.kind.rawValue)",
                hint: "Such a worker serves many requests at a time by itself.")
        ]
    }

    /// The version that the app asks for is not there, and another is used.
    private func notInstalled(_ app: AppSettings) -> [ConfigProblem] {
        let interpreters = Interpreters(searchPath: environment["PATH"], directory: app.directory)
        let (language, program, chosen): (VersionFiles.Language, String, String)
        switch app.kind {
        case .rack: (language, program, chosen) = (.ruby, app.ruby, interpreters.ruby(nil))
        case .wsgi, .asgi: (language, program, chosen) = (.python, app.python, interpreters.python(nil))
        case .node: (language, program, chosen) = (.nodejs, app.nodejs, interpreters.nodejs(nil))
        case .generic, .static: return []
        }
        // Named by a setting, or a virtual environment: the file does not matter.
        guard program == chosen, !FilePath.isInside(program, app.directory),
            let wanted = interpreters.versionFiles.wanted(language), wanted.program == nil
        else { return [] }
        return [
            ConfigProblem(
                at: .standard, key: "\(language)",
                "\(wanted.file) asks for version \(wanted.version), which is not installed where version managers put it; "
                    + "\(program) is used",
                hint: "Install it, or set '\(language)' to its path.")
        ]
    }

    /// An interpreter that is not there is known before a worker fails for it.
    private func notFound(_ app: AppSettings) -> [ConfigProblem] {
        let (key, program) =
            switch app.kind {
            case .rack: ("ruby", app.ruby)
            case .wsgi, .asgi: ("python", app.python)
            case .node: ("nodejs", app.nodejs)
            case .generic, .static: ("", "/")
            }
        guard !program.contains("/"), environment["PATH"] != nil else { return [] }
        return [
            ConfigProblem(
                at: .standard, key: key, "'\(program)' is not on PATH", hint: "Install it, or set '\(key)' to its path."
            )
        ]
    }

    private var standardEnvironment: String {
        for name in ["PASSENGER_APP_ENV", "RAILS_ENV", "RACK_ENV", "NODE_ENV"] {
            if let value = environment[name], !value.isEmpty { return value }
        }
        return root == nil && !isOneOfMany ? "development" : "production"
    }

    private var standardEnvFile: String? {
        guard let root else { return nil }
        let path = FilePath.join(root, "shared/.env")
        return FilePath.isFile(path) ? path : nil
    }

    /// `/srv/blog` -> blog; `/srv/blog/current` -> blog too.
    static func name(of directory: String) -> AppName {
        let name = FilePath.lastComponent(directory)
        return AppName(sanitizing: name == "current" ? FilePath.lastComponent(FilePath.parent(directory)) : name)
    }

    private static func checkPool(_ pool: PoolSettings, _ origins: [String: ConfigPlace]) throws(ConfigError) {
        if pool.maxInstances > 0, pool.minInstances > pool.maxInstances {
            throw ConfigError(
                ConfigProblem(
                    at: origins["min_instances"] ?? origins["max_instances"] ?? .standard, key: "min_instances",
                    "'min_instances' (\(pool.minInstances)) is more than 'max_instances' (\(pool.maxInstances))"))
        }
        guard pool.minInstances > pool.maxPoolSize else { return }
        throw ConfigError(
            ConfigProblem(
                at: origins["min_instances"] ?? origins["max_pool_size"] ?? .standard, key: "min_instances",
                "'min_instances' (\(pool.minInstances)) is more than 'max_pool_size' (\(pool.maxPoolSize))"))
    }
}

extension AppSettings {
    /// Patterns name no host.
    var firstServerName: String? { serverNames.first { !$0.hasPrefix("*") } }
}
