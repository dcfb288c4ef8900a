package import Model

/// What only a look into the app's directory tells, and so the inspector, who makes it as the app's user.
package struct AppFacts: Sendable, Codable, Equatable {
    /// Where the code runs: the inspected directory, with `subdir` applied.
    package var directory: String
    package var kind: AppKind
    package var startupFile: String?
    package var startCommand: String?
    package var ruby: String
    package var python: String
    package var nodejs: String
    package var envFile: String?
    /// What the Procfile adds to `processes`: names and commands, nothing else.
    var procfile: [CompanionSettings]
    /// Paths of a framework whose files can be served from them.
    package var staticPaths: [String: String]
}

extension AppFacts {
    /// Why this cannot be what an inspector saw in `directory`; nil when it can.
    func objection(directory inspected: String) -> String? {
        guard FilePath.isInside(directory, inspected) else { return "the app's directory is outside of \(inspected)" }
        if let startupFile, ValueForm<String>.relativeInside(startupFile) != startupFile {
            return "the startup file is outside of the app"
        }
        guard procfile.allSatisfy(\.isOfProcfile) else { return "no Procfile says this" }
        guard staticPaths.allSatisfy({ FrameworkFiles.known[$0.key] == $0.value }) else {
            return "no framework has these static files"
        }
        return nil
    }
}

extension CompanionSettings {
    fileprivate var isOfProcfile: Bool {
        self == CompanionSettings(name: name, command: command)
            && CompanionName.objection(to: name) == nil && !command.utf8.contains(0)
    }
}

extension AppSettings {
    mutating func apply(_ facts: AppFacts, _ origins: [String: ConfigPlace]) throws(ConfigError) {
        directory = facts.directory
        kind = facts.kind
        startupFile = facts.startupFile
        startCommand = facts.startCommand
        ruby = facts.ruby
        python = facts.python
        nodejs = facts.nodejs
        envFile = facts.envFile
        processes = try Procfile.processes(beside: processes, facts.procfile, origins["processes"])
        http.files.staticPaths.merge(facts.staticPaths) { configured, _ in configured }
    }
}
