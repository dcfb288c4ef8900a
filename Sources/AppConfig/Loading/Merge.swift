import Model

/// Puts layers over each other, the lowest first, and remembers where each value came from.
struct Merge {
    private(set) var draft = Draft()
    private(set) var origins: [String: ConfigPlace] = [:]
    private(set) var warnings: [ConfigProblem] = []
    private(set) var problems: [ConfigProblem] = []
    /// What the paths in an app's own files must lie in.
    let appRoot: String
    let isOneOfMany: Bool

    init(appRoot: String, isOneOfMany: Bool = false) {
        self.appRoot = appRoot
        self.isOneOfMany = isOneOfMany
        // Most of many apps are idle most of the time.
        if isOneOfMany {
            draft.app.pool.minInstances = 0
            draft.app.pool.prestart = false
        }
    }

    mutating func apply(_ layer: ConfigLayer) {
        for entry in layer.entries {
            guard case .key(let key) = KeyTable.find(entry.key) else { continue }
            do throws(WrongForm) {
                try key.apply(entry.value, layer.baseDirectory, &draft)
                origins[key.name] = entry.place
            } catch {
                problems.append(problem(error, key, entry))
            }
            refuseEscape(key, entry, layer.source)
        }
    }

    /// A layer of a single app. What it says of the pool that many apps share is not taken.
    mutating func apply(ofOneApp layer: ConfigLayer) {
        var layer = layer
        if isOneOfMany, let index = layer.entries.firstIndex(where: { $0.key == "max_pool_size" }) {
            let entry = layer.entries.remove(at: index)
            warnings.append(
                ConfigProblem(
                    at: entry.place, key: entry.key,
                    "'max_pool_size' has no effect here: it is of all apps of the server together",
                    hint: "Set it at the top of the server file; 'max_instances' bounds one app."))
        }
        apply(layer)
    }

    /// Lowers what has been applied so far to the bounds that the server file sets. Layers of the operator are applied
    /// after this: they may exceed their own bounds.
    mutating func applyLimits(_ layer: ConfigLayer) {
        for entry in layer.entries {
            guard case .key(let key) = KeyTable.find(entry.key), let lower = key.lower else { continue }
            do throws(WrongForm) {
                guard try lower(entry.value, layer.baseDirectory, &draft) else { continue }
                if key.name == "max_pool_size" || key.name == "max_instances" { lowerFloor() }
                // A default that is lowered surprises nobody.
                guard let origin = origins[key.name] else { continue }
                warnings.append(
                    ConfigProblem(
                        at: origin, key: key.name, "'\(key.name)' is lowered to the limit set at \(entry.place)"))
            } catch {
                problems.append(problem(error, key, entry))
            }
        }
    }

    /// A lowered ceiling takes the floor with it.
    private mutating func lowerFloor() {
        let pool = draft.app.pool
        let ceiling = pool.maxInstances > 0 ? min(pool.maxInstances, pool.maxPoolSize) : pool.maxPoolSize
        draft.app.pool.minInstances = min(pool.minInstances, ceiling)
    }

    private mutating func refuseEscape(_ key: ConfigKey, _ entry: ConfigLayer.Entry, _ source: ConfigSource) {
        switch source {
        case .releaseFile, .deployRootFile: break
        case .inPlaceFile where isOneOfMany: break
        case .flag, .environment, .serverFile, .inPlaceFile, .standard: return
        }
        if isOneOfMany, key.name == "base_uri" {
            problems.append(
                ConfigProblem(
                    at: entry.place, key: key.name, "'base_uri' cannot be set here: the server serves several apps",
                    hint: "Like server_names it decides which requests are whose: set it in the server file."))
        }
        let paths = ["env_file": draft.app.envFile, "app_log_file": draft.app.appLogFile]
        guard let path = paths[key.name].flatMap(\.self), !FilePath.isInside(path, appRoot) else { return }
        problems.append(
            ConfigProblem(
                at: entry.value.place, key: key.name, "'\(key.name)' must lie inside \(appRoot)",
                hint: "Only the server's own configuration may name files outside of the app."))
    }

    private func problem(_ error: WrongForm, _ key: ConfigKey, _ entry: ConfigLayer.Entry) -> ConfigProblem {
        let isFile = entry.place.source.file != nil
        let label = entry.place.label ?? key.flag
        let example =
            isFile
            ? key.nestedExample
            : entry.place.source == .flag ? "\(label) \(key.textExample)" : "\(label)=\(key.textExample)"
        if case .null = error.node.content, error.node == entry.value {
            return ConfigProblem(
                at: entry.place, key: key.name, "'\(key.name)' has no value",
                hint: "Give it one, as in: \(example), or remove the line.")
        }
        let what =
            error.reason.map { "'\(key.name)': \($0)" }
            ?? "'\(key.name)' must be \(key.expected), not \(error.node.nounPhrase)"
        return ConfigProblem(at: error.node.place, key: key.name, what, hint: "For example: \(example)")
    }
}

extension ConfigKey {
    /// As a shell takes it.
    fileprivate var textExample: String {
        example.contains { " {}[]$*\"".contains($0) } ? "'\(example)'" : example
    }
}
