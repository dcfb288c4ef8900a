/// Takes the flags that are configuration keys out of a command's arguments, so that no command has to declare them one
/// by one. What is left is for the command's own parser.
package struct FlagExtraction: Sendable, Equatable {
    /// By name, as `ConfigLoader` takes them.
    package var flags: [String: String] = [:]
    package var rest: [String] = []

    /// `--key VALUE`, `--key=VALUE`; for true and false also `--key` and `--no-key`. Nothing after `--` is looked at.
    /// - Parameters:
    ///   - reserved: long flags without dashes that the command has itself.
    ///   - short: one-letter flags and the keys they stand for, `["p": "port"]`.
    package init(
        _ arguments: [String], reserved: Set<String> = [], short: [Character: String] = [:]
    ) throws(ConfigError) {
        var index = arguments.startIndex
        while index < arguments.endIndex {
            let argument = arguments[index]
            index += 1
            if argument == "--" {
                rest += arguments[(index - 1)...]
                break
            }
            guard let flag = Flag(argument, reserved: reserved, short: short) else {
                rest.append(argument)
                continue
            }
            var value = flag.value
            if value == nil {
                guard index < arguments.endIndex else { throw flag.missingValue }
                value = arguments[index]
                index += 1
            }
            flags[flag.key.flatName] = value
        }
    }
}

extension FlagExtraction {
    private struct Flag {
        var key: ConfigKey
        var value: String?

        init?(_ argument: String, reserved: Set<String>, short: [Character: String]) {
            if argument.count == 2, argument.first == "-", let name = argument.last.flatMap({ short[$0] }) {
                guard let key = KeyTable.key(forFlag: name) else { return nil }
                self.init(key: key, value: key.shape == .toggle ? "true" : nil)
                return
            }
            guard argument.hasPrefix("--"), argument.count > 2 else { return nil }
            let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard !reserved.contains(name) else { return nil }
            let text = parts.count == 2 ? String(parts[1]) : nil
            if let key = KeyTable.key(forFlag: name) {
                self.init(key: key, value: text ?? (key.shape == .toggle ? "true" : nil))
            } else if name.hasPrefix("no-"), text == nil, let key = KeyTable.key(forFlag: String(name.dropFirst(3))),
                key.shape == .toggle
            {
                self.init(key: key, value: "false")
            } else {
                return nil
            }
        }

        private init(key: ConfigKey, value: String?) {
            self.key = key
            self.value = value
        }

        var missingValue: ConfigError {
            ConfigError(
                ConfigProblem(
                    at: ConfigPlace(source: .flag, label: key.flag), key: key.name, "needs a value",
                    hint: "For example: \(key.flag) \(key.example)"))
        }
    }
}
