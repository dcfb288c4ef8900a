import Model

extension ConfigLoader {
    /// What `passenger start` needs.
    /// - Parameters:
    ///   - arguments: flags by name, without those of the command itself.
    ///   - directory: what is to be served; relative to the working directory. Nil: the apps that the server file names
    ///     and those of `apps_dir`, or else the working directory.
    ///   - serverFile: `--config FILE`.
    package func loadServer(
        arguments: [String: String], environment: [String: String], directory: String?, serverFile: String? = nil
    ) throws(ConfigError) -> LoadedConfiguration {
        var sources = Sources(
            environment: try TextLayers.environment(environment, baseDirectory: workingDirectory),
            flags: try TextLayers.flags(arguments, baseDirectory: workingDirectory))
        var file: FileLayer?
        if let serverFile {
            let read = try readServerFile(FilePath.join(workingDirectory, serverFile))
            sources.operatorLayers = OperatorLayers(defaults: read.layer, limits: read.limits)
            sources.operatorWarnings = read.warnings
            file = read
        }
        let sections = file?.apps ?? []
        if !sections.isEmpty || sources.names("apps_dir") {
            if let directory { throw ConfigError(ConfigLoader.tooMuch(directory, sections)) }
            return try loadMany(sections, sources, environment)
        }
        return try loadOne(FilePath.join(workingDirectory, directory ?? "."), sources, environment)
    }

    private func loadOne(
        _ directory: String, _ sources: Sources, _ environment: [String: String]
    ) throws(ConfigError) -> LoadedConfiguration {
        try ConfigLoader.requireDirectory(directory)
        let location = AppLocation.detect(directory)
        var sources = sources
        sources.files = [try readAppFile(location)].compactMap { $0 }
        let merge = try ConfigLoader.merge(sources, appRoot: location.path)
        let root = location.isDeployRoot ? location.path : nil
        let assembly = AppAssembly(directory: location.path, root: root, name: nil, environment: environment)
        let settings = location.isDeployRoot ? try assembly.common(merge) : try assembly.settings(merge)
        var warnings = sources.operatorWarnings
        if !location.isDeployRoot { warnings += assembly.warnings(settings) }
        let server = ServerAssembly(userID: userID, location: location, environment: environment)
        warnings += sources.warnings + merge.warnings + server.warnings(merge)
        let app = ConfiguredApp(
            name: settings.name, location: location, settings: settings,
            operatorLayers: sources.operatorLayers.forApps)
        return LoadedConfiguration(
            server: try server.settings(merge, settings), apps: [app], maxPoolSize: settings.pool.maxPoolSize,
            warnings: warnings, origins: merge.origins)
    }

    private func readServerFile(_ path: String) throws(ConfigError) -> FileLayer {
        let source = ConfigSource.serverFile(path)
        guard let file = try ConfigFile.read(ConfigPlace(source: source), path: path) else {
            throw ConfigError(ConfigProblem(at: ConfigPlace(source: source), "no such file"))
        }
        return try FileLayer.make(file, source: source, serverKeys: .allowed)
    }

    private static func tooMuch(_ directory: String, _ sections: [AppSection]) -> ConfigProblem {
        ConfigProblem(
            at: sections.first?.place ?? .standard, key: sections.isEmpty ? "apps_dir" : "apps",
            "\(directory) cannot be served beside the apps that the configuration names",
            hint: "Leave the directory out, or name it under 'apps'.")
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
        "roles",
    ]
}
