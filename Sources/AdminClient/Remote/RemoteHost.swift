package import AdminAPI

/// Where `--host` leads: `user@host`, an alias of ~/.ssh/config, or `ssh://user@host:port`, as the OpenSSH client takes it.
package struct RemoteHost: Sendable, Equatable, CustomStringConvertible {
    package let destination: String

    /// ssh would take what begins with a dash for an option, such as -oProxyCommand; so might what a config makes of it.
    package init(_ text: String) throws(ControlError) {
        let address = text.hasPrefix("ssh://") ? String(text.dropFirst(6)) : text
        let parts = address.split(separator: "@", omittingEmptySubsequences: false)
        let isLegal = address.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "@"), UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"):
                true
            default: false
            }
        }
        guard isLegal, (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix("-") }) else {
            throw ControlError(
                .usage, "\"\(text)\" is no host to deploy to.", hint: "Give USER@HOST, such as deploy@web1.")
        }
        destination = text
    }

    package var description: String { destination }

    /// The vector of the OpenSSH client: no shell here, and each word quoted for the one over there. Which key is used and
    /// which host keys are known is for the user's own configuration to say; nobody is there to answer a question.
    package func arguments(_ words: [String]) -> [String] {
        let options = [
            "BatchMode=yes", "ConnectTimeout=30", "ServerAliveInterval=15", "ServerAliveCountMax=4",
            "ClearAllForwardings=yes",
        ]
        return ["ssh", "-T", "-a", "-x"] + options.flatMap { ["-o", $0] } + [
            "--", destination, ShellWords.quoted(words),
        ]
    }
}
