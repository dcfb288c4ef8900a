/// A repository behind SSH, from `ssh://[user@]host[:port]/path` or `[user@]host:path`.
struct SSHAddress: Equatable, Sendable, CustomStringConvertible {
    /// `user@host`, or the host (an alias in ~/.ssh/config) alone.
    var destination: String
    var port: Int?
    /// As the other side is to see it: absolute, or relative to the login directory.
    var path: String

    init(scp text: String) throws(BuilderFailure) {
        let colon: String.Index?
        if let bracket = text.firstIndex(of: "]"), text.contains("[") {
            colon = text[bracket...].firstIndex(of: ":")
        } else {
            colon = text.firstIndex(of: ":")
        }
        guard let colon, !text[..<colon].contains("/") else {
            throw BuilderFailure(
                .invalidRequest, "\(text) is not the URL of a repository",
                hint: "a path must be absolute; other forms are https://…, ssh://… and user@host:path")
        }
        try self.init(
            destination: String(text[..<colon]), port: nil, path: String(text[text.index(after: colon)...]), text: text)
    }

    init(authorityAndPath rest: String, url: String) throws(BuilderFailure) {
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var authority = String(rest[..<slash])
        var path = RemoteURL.percentDecoded(String(rest[slash...]))
        // ssh://host/~user/repo names a home directory, which the remote shell only expands without the slash.
        if path.hasPrefix("/~") { path.removeFirst() }
        var port: Int?
        let host = authority.lastIndex(of: "@").map { authority.index(after: $0) } ?? authority.startIndex
        let afterBracket = authority[host...].lastIndex(of: "]") ?? host
        if let colon = authority[afterBracket...].lastIndex(of: ":") {
            let digits = authority[authority.index(after: colon)...]
            guard digits.isEmpty || Int(digits).map({ (1...65535).contains($0) }) == true else {
                throw BuilderFailure(.invalidRequest, "\(url): \(digits) is not a port")
            }
            port = Int(digits)
            authority = String(authority[..<colon])
        }
        try self.init(destination: authority, port: port, path: path, text: url)
    }

    private init(destination: String, port: Int?, path: String, text: String) throws(BuilderFailure) {
        var destination = destination
        if let at = destination.lastIndex(of: "@"), let colon = destination[..<at].firstIndex(of: ":") {
            // OpenSSH takes no password from an URL; one that is there must not end up in the process list.
            destination.removeSubrange(colon..<at)
        }
        destination.removeAll { $0 == "[" || $0 == "]" }
        let host = destination.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        // ssh would take a host, and git-upload-pack a path, that begins with a dash for an option (CVE-2017-1000117).
        guard !host.isEmpty, !host.hasPrefix("-"), !destination.hasPrefix("-") else {
            throw BuilderFailure(.invalidRequest, "\(text) names no host")
        }
        guard !path.isEmpty, path != "/", !path.hasPrefix("-"), !path.hasPrefix(":") else {
            throw BuilderFailure(.invalidRequest, "\(text) names no path on \(host)")
        }
        self.destination = destination
        self.port = port
        self.path = path
    }

    var description: String {
        port.map { "ssh://\(destination):\($0)/\(path.drop { $0 == "/" })" } ?? "\(destination):\(path)"
    }

    /// The arguments of `ssh`. What is not said here is the user's ~/.ssh/config, host key checking above all.
    var arguments: [String] {
        // BatchMode: nobody is there to type a pass phrase or to accept a host key.
        ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30"] + (port.map { ["-p", "\($0)"] } ?? [])
            + ["--", destination, "git-upload-pack \(SSHAddress.quoted(path))"]
    }

    /// For the shell of the other side.
    static func quoted(_ text: String) -> String {
        "'" + text.flatMap { $0 == "'" || $0 == "!" ? "'\\\($0)'" : "\($0)" } + "'"
    }
}
