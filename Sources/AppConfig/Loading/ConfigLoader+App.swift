import Model

extension ConfigLoader {
    /// One app's settings for one directory of code. Reads the app's files, so it is to be run as the app's user.
    package func loadApp(_ request: InspectRequest) throws(ConfigError) -> LoadedApp {
        try ConfigLoader.requireDirectory(request.directory)
        let base = request.workingDirectory
        var sources = Sources(
            operatorLayers: request.operatorLayers,
            environment: try TextLayers.environment(request.environment, baseDirectory: base),
            flags: try TextLayers.flags(request.flags, baseDirectory: base))
        sources.files = try appFiles(request)
        let merge = try ConfigLoader.merge(sources, appRoot: request.root ?? request.directory)
        let assembly = AppAssembly(
            directory: request.directory, root: request.root, name: request.name, environment: request.environment,
            isOneOfMany: request.operatorLayers.isOneOfMany)
        let settings = try assembly.settings(merge)
        return LoadedApp(
            settings: settings, fileVariables: try ConfigLoader.readEnvFile(settings, merge.origins["env_file"]),
            warnings: sources.warnings + merge.warnings + assembly.warnings(settings), origins: merge.origins)
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
        let release = try ConfigLoader.readAppFile(in: directory, as: ConfigSource.releaseFile) { _ in
            .refused("this file is part of a release")
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
