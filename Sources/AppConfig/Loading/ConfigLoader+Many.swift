package import Model

/// A server that serves many apps. None of their own files is read here: that is done as each app's user, when it starts.
extension ConfigLoader {
    func loadMany(
        _ sections: [AppSection], _ sources: Sources, _ environment: [String: String]
    ) throws(ConfigError) -> LoadedConfiguration {
        var sources = sources
        sources.operatorLayers.isOneOfMany = true
        let merge = try ConfigLoader.merge(sources, appRoot: "/")
        let server = ServerAssembly(userID: userID, location: nil, environment: environment)
        let layers = sources.operatorLayers.forApps
        var loaded = LoadedConfiguration(
            server: try server.settings(merge, nil), apps: [], servesMany: true,
            maxPoolSize: merge.draft.app.pool.maxPoolSize,
            warnings: sources.operatorWarnings + sources.warnings + merge.warnings + server.warnings(merge)
                + sections.flatMap(\.warnings), origins: merge.origins)
        if let path = merge.draft.appsDirectory {
            let known = sections.filter { $0.root == nil && $0.problems.isEmpty }.map { ($0.name, $0.layer) }
            loaded.directory = AppsDirectory(
                path: path, layers: layers, sections: Dictionary(known, uniquingKeysWith: { $1 }))
        }
        for section in sections where section.root != nil || loaded.directory == nil || !section.problems.isEmpty {
            do throws(ConfigError) {
                loaded.apps.append(try app(of: section, layers, sources, environment))
            } catch {
                loaded.refused.append(
                    RefusedApp(
                        name: AppName(sanitizing: section.name), root: section.root ?? "", reason: error.description))
            }
        }
        return loaded
    }

    private func app(
        of section: AppSection, _ layers: OperatorLayers, _ sources: Sources, _ environment: [String: String]
    ) throws(ConfigError) -> ConfiguredApp {
        guard section.problems.isEmpty else { throw ConfigError(section.problems) }
        guard let name = AppName(section.name) else {
            throw ConfigError(
                ConfigProblem(
                    at: section.place, "'\(section.name.shortened(to: 80))' cannot be an app's name",
                    hint: "Use letters, digits, '.', '_' and '-', at most 64."))
        }
        guard let root = section.root else {
            throw ConfigError(
                ConfigProblem(
                    at: section.place, key: "root", "the app '\(name)' has no 'root'",
                    hint: "Name its directory: root: /srv/\(name)"))
        }
        try ConfigLoader.requireDirectory(root)
        var layers = layers
        layers.app = section.layer
        return try configure(
            name, at: AppLocation.detect(FilePath.resolved(root) ?? root), layers, sources, environment)
    }

    /// An entry of the directory of apps: its host name is its own name, unless the server file says otherwise.
    package func configureEntry(
        _ name: AppName, at location: AppLocation, of directory: AppsDirectory, arguments: [String: String],
        environment: [String: String]
    ) throws(ConfigError) -> ConfiguredApp {
        var layers = directory.layers
        let place = ConfigPlace(source: .standard, label: "apps_dir")
        let host = ConfigNode(.list([ConfigNode(.scalar(name.rawValue), at: place)]), at: place)
        var layer = ConfigLayer(source: .standard, baseDirectory: directory.path)
        layer.entries = [.init(key: "server_names", place: place, value: host)]
        if let section = directory.sections[name.rawValue] {
            layer = section
            if !section.entries.contains(where: { $0.key == "server_names" }) {
                layer.entries.append(.init(key: "server_names", place: place, value: host))
            }
        }
        layers.app = layer
        let sources = Sources(
            environment: try TextLayers.environment(environment, baseDirectory: workingDirectory),
            flags: try TextLayers.flags(arguments, baseDirectory: workingDirectory))
        return try configure(name, at: location, layers, sources, environment)
    }

    private func configure(
        _ name: AppName, at location: AppLocation, _ layers: OperatorLayers, _ sources: Sources,
        _ environment: [String: String]
    ) throws(ConfigError) -> ConfiguredApp {
        var sources = sources
        sources.operatorLayers = layers
        let merge = try ConfigLoader.merge(sources, appRoot: location.path)
        let assembly = AppAssembly(
            directory: location.path, root: location.isDeployRoot ? location.path : nil, name: name,
            environment: environment, isOneOfMany: true)
        return ConfiguredApp(
            name: name, location: location, settings: try assembly.common(merge), operatorLayers: layers)
    }
}
