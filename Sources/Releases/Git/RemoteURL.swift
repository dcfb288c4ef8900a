/// Where a repository is fetched from, and by which of the three ways.
enum RemoteURL: Equatable, Sendable {
    /// An absolute path on this machine.
    case local(path: String)
    /// http or https, by libgit2. The text may hold credentials: print `description`.
    case web(String)
    /// By the machine's own OpenSSH, so that keys, agents, known hosts and ~/.ssh/config are what they are for git.
    case ssh(SSHAddress)

    init(_ text: String) throws(BuilderFailure) {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f || $0 == 0x20 }) else {
            throw BuilderFailure(.invalidRequest, "the repository's URL is empty or has control characters")
        }
        guard let (scheme, rest) = RemoteURL.splitScheme(text) else {
            if text.hasPrefix("/") {
                self = .local(path: text)
            } else {
                self = .ssh(try SSHAddress(scp: text))
            }
            return
        }
        switch scheme {
        case "http", "https": self = .web(text)
        case "file":
            // RFC 8089: an authority is empty or localhost.
            let path = rest.hasPrefix("localhost/") ? String(rest.dropFirst("localhost".count)) : String(rest)
            guard path.hasPrefix("/") else {
                throw BuilderFailure(.invalidRequest, "\(text): a file URL has three slashes and an absolute path")
            }
            self = .local(path: RemoteURL.percentDecoded(path))
        case "ssh", "git+ssh", "ssh+git": self = .ssh(try SSHAddress(authorityAndPath: String(rest), url: text))
        default:
            throw BuilderFailure(
                .invalidRequest, "cannot fetch from \(scheme)://",
                hint: "use https://, ssh://, user@host:path, or an absolute path")
        }
    }

    private static func splitScheme(_ text: String) -> (scheme: String, rest: Substring)? {
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else { return nil }
        let scheme = text[..<colon]
        guard !scheme.isEmpty, !scheme.contains("/") else { return nil }
        return (scheme.lowercased(), text[text.index(colon, offsetBy: 3)...])
    }

    static func percentDecoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Substring(text).utf8
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            if byte == UInt8(ascii: "%"), digits.count == 2, let value = UInt8(String(Substring(digits)), radix: 16),
                value != 0
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension RemoteURL {
    /// What libgit2 is given. For SSH that is a name for its messages only: our transport has the address.
    var location: String {
        switch self {
        case .local(let path): path
        case .web(let text): text
        case .ssh(let address): "ssh://\(address.destination)/"
        }
    }
}

extension RemoteURL: CustomStringConvertible {
    /// Fit to be printed: without the password or token that an URL may hold.
    var description: String {
        switch self {
        case .local(let path): return path
        case .ssh(let address): return address.description
        case .web(let text):
            guard let (scheme, rest) = RemoteURL.splitScheme(text) else { return text }
            guard let at = rest.prefix(while: { $0 != "/" }).lastIndex(of: "@") else { return text }
            return "\(scheme)://\(rest[rest.index(after: at)...])"
        }
    }
}
