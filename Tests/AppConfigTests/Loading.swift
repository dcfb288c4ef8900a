import Model
import Testing

@testable import AppConfig

/// Loads an in-place directory with one Passengerfile, and a `config.ru` beside it and in `web`.
func load(
    _ text: String, name: String = "Passengerfile.yml", flags: [String: String] = [:],
    environment: [String: String] = [:]
) throws -> LoadedConfiguration {
    let tree = try TemporaryTree([name: text, "config.ru": "", "web/config.ru": ""])
    return try load(tree, flags: flags, environment: environment)
}

func load(
    _ tree: TemporaryTree, _ directory: String = ".", flags: [String: String] = [:],
    environment: [String: String] = [:],
    serverFile: String? = nil
) throws -> LoadedConfiguration {
    try ConfigLoader(workingDirectory: tree.path).loadServer(
        arguments: flags, environment: ["HOME": "/home/somebody"].merging(environment) { $1 }, directory: directory,
        serverFile: serverFile)
}

/// The problems that loading ends with; the test's failure when it succeeds.
func problems(_ body: () throws -> some Any) -> [ConfigProblem] {
    do {
        _ = try body()
        Issue.record("expected an error")
        return []
    } catch let error as ConfigError {
        return error.problems
    } catch {
        Issue.record("unexpected \(error)")
        return []
    }
}

/// `line:column message. hint` without the file, which is a temporary one.
func shown(_ problem: ConfigProblem) -> String {
    let text = problem.hint.map { "\(problem.message). \($0)" } ?? problem.message
    return problem.line.map { "\($0):\(problem.column ?? 0) \(text)" } ?? text
}

extension LoadedConfiguration {
    /// Of the only one.
    var app: AppSettings { apps[0].settings }
    var location: AppLocation { apps[0].location }
    var operatorLayers: OperatorLayers { apps[0].operatorLayers }
}
