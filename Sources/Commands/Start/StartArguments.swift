import AdminAPI

/// The arguments of `start`: at most one directory, and flags that are configuration keys. Which keys there are is the
/// configuration's business; here only which of them stand without a value.
struct StartArguments: Sendable, Equatable {
    private(set) var directory: String?
    /// By name without dashes: `max-pool-size`. `--no-foo` is `foo: false`.
    private(set) var flags: [String: String] = [:]

    /// Phusion Passenger's short flags.
    private static let short = ["a": "address", "p": "port", "S": "socket-file", "e": "environment", "d": "daemonize"]

    private static let switches: Set<String> = [
        "daemonize", "friendly-error-pages", "request-buffering", "show-version-in-header", "ssl", "http2",
        "proxy-protocol",
    ]

    init(_ arguments: [String]) throws(ControlError) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                for operand in rest { try setDirectory(operand) }
                return
            } else if argument.hasPrefix("--") {
                try take(flag: argument.dropFirst(2), &rest)
            } else if argument.hasPrefix("-"), argument.count > 1 {
                let letter = String(argument.dropFirst().prefix(1))
                guard let name = StartArguments.short[letter] else { throw StartArguments.unknown(argument) }
                let attached = argument.dropFirst(2)
                try take(flag: attached.isEmpty ? name[...] : "\(name)=\(attached)"[...], &rest)
            } else {
                try setDirectory(argument)
            }
        }
    }

    private mutating func take(flag: Substring, _ rest: inout ArraySlice<String>) throws(ControlError) {
        if let equals = flag.firstIndex(of: "=") {
            return try set(flag[..<equals], String(flag[flag.index(after: equals)...]))
        }
        if StartArguments.switches.contains(String(flag)) { return try set(flag, "true") }
        if flag.hasPrefix("no-"), StartArguments.switches.contains(String(flag.dropFirst(3))) {
            return try set(flag.dropFirst(3), "false")
        }
        guard let value = rest.popFirst() else {
            throw ControlError(.usage, "--\(flag) needs a value.", hint: "Write --\(flag) VALUE.")
        }
        try set(flag, value)
    }

    private mutating func set(_ name: Substring, _ value: String) throws(ControlError) {
        guard !name.isEmpty else { throw StartArguments.unknown("--") }
        flags[String(name)] = value
    }

    private mutating func setDirectory(_ text: String) throws(ControlError) {
        if let directory {
            throw ControlError(.usage, "Only one directory can be served: \(directory) or \(text).")
        }
        directory = text
    }

    private static func unknown(_ argument: String) -> ControlError {
        ControlError(.usage, "Unknown flag \(argument).", hint: "See passenger start --help.")
    }
}
