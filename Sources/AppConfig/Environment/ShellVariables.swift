/// `load_shell_envvars`: how a login shell is asked for its variables, and what of its answer counts.
package enum ShellVariables {
    /// What a profile sets is the user's own word; it may print what it likes before.
    private static let shells: Set = ["sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "fish"]
    /// Of the shell that was asked, not of the app.
    private static let passing: Set = ["_", "SHLVL", "PWD", "OLDPWD"]

    /// - Parameters:
    ///   - listed: the text of shells(5).
    ///   - mark: letters and digits, which nobody could know beforehand.
    /// - Returns: program and arguments; nil for a shell that takes no commands, or is unknown.
    package static func question(shell: String, listed: String, mark: String) -> (program: String, arguments: [String])?
    {
        let isListed = listed.split(whereSeparator: \.isNewline).contains { $0 == shell }
        guard isListed, shell.hasPrefix("/"), shells.contains(String(shell.split(separator: "/").last ?? "")) else {
            return nil
        }
        return (shell, ["-l", "-c", "printf '\\n%s\\n' \(mark); exec /usr/bin/env -0"])
    }

    /// - Parameter output: all that it wrote.
    /// - Returns: nil when it did not come as far as to answer.
    package static func answer(in output: String, mark: String) -> [String: String]? {
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
        guard let start = lines.firstIndex(where: { $0 == mark }) else { return nil }
        let text = lines[(start + 1)...].joined(separator: "\n")
        var variables: [String: String] = [:]
        for pair in text.split(separator: "\0") {
            guard let split = pair.firstIndex(of: "="), split != pair.startIndex else { continue }
            let name = String(pair[..<split])
            // A shell's functions go by names that are no variables'.
            guard !passing.contains(name), name.utf8.allSatisfy(isOfName) else { continue }
            variables[name] = String(pair[pair.index(after: split)...])
        }
        return variables.isEmpty ? nil : variables
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        HTTPText.isLetterOrDigit(byte) || byte == UInt8(ascii: "_")
    }
}
