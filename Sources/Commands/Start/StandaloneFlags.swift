import Model

/// What Phusion Passenger Standalone's `start` takes: flags that have another name here, and those that nothing here needs. Scripts
/// and units that were written for it start as they are.
struct StandaloneFlags: Equatable {
    /// With our names.
    private(set) var arguments: [String] = []
    /// By the name of a key that has no effect here: the configuration warns of it, as it does in a file.
    private(set) var unsupported: [String: String] = [:]
    private var paths: [String] = []
    private var variables: [String] = []

    private static let withValue: Set<String> = [
        "--engine", "--instance-registry-dir", "--core-file-descriptor-ulimit", "--app-file-descriptor-ulimit",
        "--meteor-app-settings", "--nginx-bin", "--nginx-version", "--nginx-tarball", "--nginx-config-template",
        "--security-update-check-proxy", "--anonymous-telemetry-proxy",
    ]
    private static let withoutValue: Set<String> = [
        "--auto", "--debugger", "--rolling-restarts", "--resist-deployment-errors", "--old-routing",
        "--disable-log-prefix",
        "--disable-security-update-check", "--disable-anonymous-telemetry",
    ]

    init(_ all: [String]) {
        var rest = all[...]
        while let argument = rest.popFirst() {
            guard argument != "--" else {
                arguments += [argument] + rest
                break
            }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let name = parts[0]
            /// The value behind an equals sign, or the next argument.
            func value() -> String? { parts.count == 2 ? parts[1] : rest.popFirst() }
            if Self.withoutValue.contains(argument) {
                unsupported[Self.key(name)] = "true"
            } else if Self.withValue.contains(name), let value = value() {
                unsupported[Self.key(name)] = value
            } else if let taken = known(name, value) {
                arguments += taken
            } else {
                arguments.append(argument)
            }
        }
        if !paths.isEmpty { arguments = ["--unlimited-concurrency-paths", list(paths)] + arguments }
        if !variables.isEmpty { arguments = ["--envvars", "{\(variables.joined(separator: ", "))}"] + arguments }
    }

    /// Our words for it; nil when it is none of theirs, or has no value.
    private mutating func known(_ name: String, _ value: () -> String?) -> [String]? {
        switch name {
        case "--disable-turbocaching": return ["--no-turbocaching"]
        // Nothing is ever downloaded or compiled.
        case "--no-install-runtime", "--no-compile-runtime": return []
        case "--binaries-url-root": return value() == nil ? nil : []
        case "--socket": return value().map { ["--socket-file", $0] }
        case "--rackup", "-R": return value().map { ["--app-type", "rack", "--startup-file", $0] }
        case "--ctl":
            guard let value = value() else { return nil }
            unsupported["ctls"] = value
            return []
        case "--unlimited-concurrency-path":
            guard let value = value() else { return nil }
            paths.append(value)
            return []
        case "--envvar":
            guard let value = value(), let equals = value.firstIndex(of: "=") else { return nil }
            let text = String(value[value.index(after: equals)...])
            variables.append("\(JSONText.quoted(String(value[..<equals]))): \(JSONText.quoted(text))")
            return []
        default: return nil
        }
    }

    private func list(_ values: [String]) -> String { "[\(values.map(JSONText.quoted).joined(separator: ", "))]" }

    private static func key(_ flag: String) -> String { String(flag.dropFirst(2)).replacing("-", with: "_") }
}
