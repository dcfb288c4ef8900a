package import Model

extension ConfigLoader {
    /// One app's settings for one directory of code. Reads the app's files, so it is to be run as the app's user.
    package func loadApp(_ request: InspectRequest) throws(ConfigError) -> LoadedApp {
        try ConfigLoader.requireDirectory(request.directory)
        let files = try appFiles(request)
        let sources = try request.sources(files)
        let merge = try ConfigLoader.merge(sources, appRoot: request.root ?? request.directory)
        let assembly = request.assembly
        let facts = try assembly.facts(merge)
        var settings = try assembly.common(merge)
        try settings.apply(facts, merge.origins)
        return LoadedApp(
            settings: settings, fileVariables: try ConfigLoader.readEnvFile(settings, merge.origins["env_file"]),
            warnings: sources.warnings + merge.warnings + assembly.warnings(settings), origins: merge.origins,
            files: files.map(\.layer), facts: facts)
    }

    /// The settings that follow from what an inspector answered, for the process that asked it. The inspector runs as the
    /// app's user, who could make it say anything: so its settings are not taken, but made again of what the files said,
    /// with every value in the form of its key, under the server file's limits and the operator's own layers.
    ///
    /// Keys of the server hold as they did when it started (`server`), whatever an app's file says by now.
    package static func judge(
        _ answer: LoadedApp, of request: InspectRequest, server: AppSettings
    ) throws(ConfigError) -> LoadedApp {
        if let objection = answer.facts.objection(directory: request.directory) {
            throw ConfigError(ConfigProblem(at: .standard, "the inspection is not believed: \(objection)"))
        }
        let files = answer.files.map { FileLayer(layer: $0.asAppFile(of: request)) }
        let merge = try merge(try request.sources(files), appRoot: request.root ?? request.directory)
        var judged = answer
        judged.settings = try request.assembly.common(merge)
        try judged.settings.apply(answer.facts, merge.origins)
        judged.settings.serverNames = server.serverNames
        judged.settings.health.host = judged.settings.health.host ?? server.firstServerName
        judged.settings.users = server.users
        judged.settings.http.files.staticRoots = server.http.files.staticRoots
        judged.settings.http.files.sendfileRoots = server.http.files.sendfileRoots
        return judged
    }

    private func appFiles(_ request: InspectRequest) throws(ConfigError) -> [FileLayer] {
        let directory = request.directory
        guard let root = request.root else {
            let file = try ConfigLoader.readAppFile(in: directory, as: ConfigSource.inPlaceFile) { _ in
                // Those of the only app have been judged, and used, by the server.
                request.operatorLayers.isOneOfMany ? .refused("the server serves several apps") : .allowed
            }
            return [file].compactMap { $0 }
        }
        let isTakenOver = AppLocation.isCapistranoRelease(directory)
        let release = try ConfigLoader.readAppFile(in: directory, as: ConfigSource.releaseFile) { _ in
            // It was served in place, and then they were the server's.
            isTakenOver
                ? .ignored("this release was taken over from Capistrano") : .refused("this file is part of a release")
        }
        return [release, try ConfigLoader.readDeployRootFile(root)].compactMap { $0 }
    }

    static func readDeployRootFile(_ root: String) throws(ConfigError) -> FileLayer? {
        try readAppFile(in: root, as: ConfigSource.deployRootFile) { _ in
            .refused("this file belongs to one app's deploy root")
        }
    }

    private static func readEnvFile(_ settings: AppSettings, _ origin: ConfigPlace?) throws(ConfigError) -> [String:
        String]
    {
        guard let path = settings.envFile else { return [:] }
        let place = ConfigPlace(source: .releaseFile(path))
        if let file = try ConfigFile.read(place, path: path) { return try DotEnv.parse(file.text, at: place) }
        throw ConfigError(
            ConfigProblem(at: origin ?? .standard, key: "env_file", "'env_file' names \(path), which does not exist"))
    }
}

extension InspectRequest {
    fileprivate func sources(_ files: [FileLayer]) throws(ConfigError) -> ConfigLoader.Sources {
        ConfigLoader.Sources(
            files: files, operatorLayers: operatorLayers,
            environment: try TextLayers.environment(environment, baseDirectory: workingDirectory),
            flags: try TextLayers.flags(flags, baseDirectory: workingDirectory))
    }

    fileprivate var assembly: AppAssembly {
        AppAssembly(
            directory: directory, root: root, name: name, environment: environment,
            isOneOfMany: operatorLayers.isOneOfMany)
    }
}

extension ConfigLayer {
    /// Only keys of apps, and nothing that passes for the operator's.
    fileprivate func asAppFile(of request: InspectRequest) -> ConfigLayer {
        var layer = self
        layer.entries.removeAll { entry in
            guard case .key(let key) = KeyTable.find(entry.key) else { return true }
            return key.scope == .server
        }
        if source.belongsToOperator { layer.source = .releaseFile(source.file ?? request.directory) }
        return layer
    }
}
