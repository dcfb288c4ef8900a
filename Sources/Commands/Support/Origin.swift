import AdminAPI
import ArgumentParser

extension RequestOrigin {
    init(command: String, environment: [String: String], told: [PipelineVariable] = []) {
        let found = Pipeline.found(in: environment)
        let told = Dictionary(told.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        self.init(command: command, ci: found.merging(told) { $1 })
    }
}

/// `NAME=VALUE`: a pipeline's variable that `deploy --host` tells the host, where the environment is another.
struct PipelineVariable: ExpressibleByArgument, Sendable, Equatable {
    let name: String
    let value: String

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "=") else { return nil }
        name = String(argument[..<equals])
        value = String(argument[argument.index(after: equals)...])
        guard Pipeline.variables.contains(name), !value.isEmpty, value.utf8.count <= 1024 else { return nil }
    }
}
