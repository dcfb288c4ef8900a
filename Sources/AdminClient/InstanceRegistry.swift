package import AdminAPI
import Glibc
import Linux
package import Model

/// Finds running servers by the records that they leave in their runtime directories.
package struct InstanceRegistry: Sendable {
    private static let maxRecord = 1 << 20
    private let directories: [String]
    private let isAlive: @Sendable (InstanceRecord) -> Bool

    /// A record outlives a supervisor that was killed: the pid and its start time tell.
    package init(
        directories: [String],
        isAlive: @escaping @Sendable (InstanceRecord) -> Bool = { processRuns(pid: $0.pid, startTime: $0.startTime) }
    ) {
        self.directories = directories
        self.isAlive = isAlive
    }

    /// Running instances, by name.
    package func instances() -> [InstanceRecord] {
        directories.flatMap { records(in: $0) }.filter(isAlive).sorted { $0.name < $1.name }
    }

    private func records(in directory: String) -> [InstanceRecord] {
        entries(of: directory).compactMap { name in
            // What cannot be read or parsed is no instance of ours: being found is not its right.
            guard let bytes = try? readFile("\(directory)/\(name)/instance.json", limit: InstanceRegistry.maxRecord)
            else { return nil }
            return try? WireJSON.decode(InstanceRecord.self, from: bytes)
        }
    }

    private func entries(of directory: String) -> [String] {
        guard let handle = opendir(directory) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }
}

/// Who a command is about, as its user said it.
package struct TargetQuery: Sendable, Equatable {
    package var instance: String?
    package var root: String?
    package var app: String?
    /// Taken for `root` when neither that nor `app` is given.
    package var workingDirectory: String
    /// Whether the only running instance will do when the working directory says nothing: yes for looking, no for
    /// changing.
    package var acceptsOnlyInstance: Bool
    package init(
        instance: String?, root: String?, app: String?, workingDirectory: String, acceptsOnlyInstance: Bool
    ) {
        self.instance = instance
        self.root = root
        self.app = app
        self.workingDirectory = workingDirectory
        self.acceptsOnlyInstance = acceptsOnlyInstance
    }
}

/// The answer: a running instance, and the app when the query names one.
package struct Target: Sendable, Equatable {
    package var instance: InstanceRecord
    package var app: AppName?
    package init(instance: InstanceRecord, app: AppName?) {
        self.instance = instance
        self.app = app
    }
}

extension TargetQuery {
    /// Chooses among running instances. Paths are compared as they are: resolve links first.
    package func choose(from all: [InstanceRecord]) throws(ControlError) -> Target {
        let instances = all.filter { instance == nil || $0.name == instance }
        if let instance, instances.isEmpty {
            throw ControlError(
                .notRunning, "No instance \"\(instance)\" is running.", hint: TargetQuery.running(all))
        }
        if let app { return try byName(app, in: instances, all: all) }
        if let target = nearest(to: root ?? workingDirectory, in: instances) { return target }
        guard root == nil, instances.count == 1, instance != nil || acceptsOnlyInstance else {
            throw notFound(among: instances)
        }
        let apps = instances[0].apps
        return Target(instance: instances[0], app: apps.count == 1 ? apps[0].name : nil)
    }

    private func byName(
        _ name: String, in instances: [InstanceRecord], all: [InstanceRecord]
    ) throws(ControlError) -> Target {
        let matches = instances.flatMap { instance in
            instance.apps.filter { $0.name.rawValue == name }.map { Target(instance: instance, app: $0.name) }
        }
        guard let first = matches.first else {
            guard !instances.isEmpty else { throw notFound(among: instances) }
            throw ControlError(.unknownApp, "No running server has an app \"\(name)\".", hint: TargetQuery.running(all))
        }
        guard matches.count == 1 else {
            let names = matches.map(\.instance.name).joined(separator: ", ")
            throw ControlError(
                .usage, "\(matches.count) running servers have an app \"\(name)\".",
                hint: "Name one with --instance: \(names).")
        }
        return first
    }

    /// The app whose root is the directory, or the deepest one that holds it; of two servers of one root, the one that
    /// listens: the other was made for a deploy that is over.
    private func nearest(to directory: String, in instances: [InstanceRecord]) -> Target? {
        let holders = instances.flatMap { instance in
            instance.apps
                .filter { directory == $0.root || directory.hasPrefix($0.root == "/" ? "/" : "\($0.root)/") }
                .map {
                    (
                        rank: ($0.root.utf8.count, instance.listen.isEmpty ? 0 : 1),
                        target: Target(instance: instance, app: $0.name)
                    )
                }
        }
        return holders.max { $0.rank < $1.rank }?.target
    }

    private func notFound(among instances: [InstanceRecord]) -> ControlError {
        if instances.isEmpty {
            return ControlError(.notRunning, "No server is running.", hint: "Start one: passenger start DIR")
        }
        let place = root ?? workingDirectory
        return ControlError(
            .notRunning, "No running server serves \(place).", hint: TargetQuery.running(instances))
    }

    private static func running(_ instances: [InstanceRecord]) -> String {
        guard !instances.isEmpty else { return "No server is running. Start one: passenger start DIR" }
        let lines = instances.map { instance in
            let apps = instance.apps.map { "\($0.name) (\($0.root))" }.joined(separator: ", ")
            return "\(instance.name): \(apps.isEmpty ? "no app" : apps)"
        }
        return "Running: \(lines.joined(separator: "; ")). Choose with --root, --app or --instance."
    }
}
