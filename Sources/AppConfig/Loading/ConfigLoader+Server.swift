import Model

extension ConfigLoader {
    /// What `passenger start` needs.
    /// - Parameters:
    ///   - arguments: flags by name, without those of the command itself.
    ///   - directory: what is to be served; relative to the working directory.
    ///   - serverFile: `--config FILE`.
    package func loadServer(
        arguments: [String: String], environment: [String: String], directory: String, serverFile: String? = nil
    ) throws(ConfigError) -> LoadedConfiguration {
        let directory = FilePath.join(workingDirectory, directory)
        try ConfigLoader.requireDirectory(directory)
        let location = AppLocation.detect(directory)
        var sources = Sources(
            environment: try TextLayers.environment(environment, baseDirectory: workingDirectory),
            flags: try TextLayers.flags(arguments, baseDirectory: workingDirectory))
        var warnings: [ConfigProblem] = []
        if let serverFile {
            let file = try readServerFile(FilePath.join(workingDirectory, serverFile))
            warnings += file.warnings
            sources.operatorLayers = OperatorLayers(defaults: file.layer, limits: file.limits)
        }
        sources.files = [try readAppFile(location)].compactMap { $0 }
        let merge = try ConfigLoader.merge(sources, appRoot: location.path)
        let root = location.isDeployRoot ? location.path : nil
        let assembly = AppAssembly(directory: location.path, root: root, name: nil, environment: environment)
        let app = location.isDeployRoot ? try assembly.common(merge) : try assembly.settings(merge)
        if !location.isDeployRoot { warnings += assembly.warnings(app) }
        let server = ServerAssembly(userID: userID, location: location, environment: environment)
        warnings += sources.warnings + merge.warnings + server.warnings(merge)
        return LoadedConfiguration(
            server: try server.settings(merge, app), app: app, location: location, warnings: warnings,
            origins: merge.origins, operatorLayers: sources.operatorLayers.forApps)
    }

    private func readServerFile(_ path: String) throws(ConfigError) -> FileLayer {
        let source = ConfigSource.serverFile(path)
        guard let file = try ConfigFile.read(ConfigPlace(source: source), path: path) else {
            throw ConfigError(ConfigProblem(at: ConfigPlace(source: source), "no such file"))
        }
        return try FileLayer.make(file, source: source, serverKeys: .allowed)
    }

    private func readAppFile(_ location: AppLocation) throws(ConfigError) -> FileLayer? {
        switch location {
        case .deployRoot(let root): try ConfigLoader.readDeployRootFile(root)
        case .inPlace(let directory):
            try ConfigLoader.readAppFile(in: directory, as: ConfigSource.inPlaceFile) { file in
                // Whoever can write a file that decides users and listeners has the rights of the server.
                guard file.owner == 0 || file.owner == userID else {
                    return .refused("the file belongs to another user (uid \(file.owner)) than the server")
                }
                // Or whoever can put another file there, if only a link to one that root wrote for another app.
                guard userID == 0, let objection = PathTrust.objection(to: file.path, user: 0) else { return .allowed }
                return .refused(objection)
            }
        }
    }
}

extension OperatorLayers {
    /// Without the server's own keys, which are no business of an app's user.
    var forApps: OperatorLayers {
        var layers = self
        layers.defaults?.entries.removeAll { entry in
            guard case .key(let key) = KeyTable.find(entry.key) else { return true }
            return key.scope == .server && !ConfigLoader.appsServerKeys.contains(key.name)
        }
        return layers
    }
}

extension ConfigLoader {
    /// Server keys that end up in `AppSettings`.
    static let appsServerKeys: Set = [
        "server_names", "user", "group", "deploy_user", "static_roots", "sendfile_roots",
    ]
}
