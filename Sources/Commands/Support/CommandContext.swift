import AdminAPI
import AdminClient
import Foundation
import Glibc
import Model
import Terminal

/// What a command finds itself in.
struct CommandContext: Sendable {
    let global: GlobalOptions
    let environment: [String: String]
    let console: Console

    init(_ global: GlobalOptions) {
        self.global = global
        environment = ProcessInfo.processInfo.environment
        console = Console(environment: environment)
    }

    /// In CI, what is deployed when nothing else is named.
    var pipelineCommit: String? { PipelineLog(environment: environment)?.commit(environment: environment) }

    var registry: InstanceRegistry {
        let directories = InstanceDirectories(uid: getuid(), environment: environment)
        return InstanceRegistry(directories: directories.searched())
    }

    func target(_ options: TargetOptions, acceptsOnlyInstance: Bool = false) throws(ControlError) -> Target {
        try options.query(global, acceptsOnlyInstance: acceptsOnlyInstance).choose(from: registry.instances())
    }

    /// For looking: all that run, unless one is asked for or the working directory belongs to one.
    func instances(_ options: TargetOptions) throws(ControlError) -> [InstanceRecord] {
        let isAsked = options.root != nil || options.app != nil || global.instance != nil
        do throws(ControlError) {
            return [try target(options, acceptsOnlyInstance: true).instance]
        } catch {
            let all = isAsked ? [] : registry.instances()
            guard !all.isEmpty else { throw error }
            return all
        }
    }

    /// The app that a command changes: it must be told, it is never guessed among several.
    func app(_ options: TargetOptions, acceptsOnlyInstance: Bool = false) throws(ControlError) -> AppTarget {
        try AppTarget(target(options, acceptsOnlyInstance: acceptsOnlyInstance))
    }
}

/// An app and the server that serves it.
struct AppTarget: Sendable {
    var client: AdminClient
    var app: AppName

    init(client: AdminClient, app: AppName) {
        self.client = client
        self.app = app
    }

    init(_ target: Target) throws(ControlError) {
        guard let app = target.app else {
            let names = target.instance.apps.map(\.name.rawValue).joined(separator: ", ")
            throw ControlError(
                .usage, "The server \"\(target.instance.name)\" has several apps.",
                hint: "Name one with --app: \(names).")
        }
        client = AdminClient(socketPath: target.instance.adminSocket)
        self.app = app
    }
}
