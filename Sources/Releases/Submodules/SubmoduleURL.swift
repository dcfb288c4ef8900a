/// Where a submodule is fetched from, seen from the repository that has it. The text is a stranger's: whoever can push can
/// write `.gitmodules`.
enum SubmoduleURL {
    /// The URL to fetch from. What a person must not be led to is refused: other programs (`ext::`), options (`-…`), files
    /// of this machine unless the parent is one, and plain http under https.
    static func resolve(_ text: String, parent: String) throws(BuilderFailure) -> String {
        let parentURL = try RemoteURL(parent)
        guard !text.hasPrefix("-"), !text.contains("::") else {
            throw BuilderFailure(.submodule, "its URL is none that is fetched from: \(text)")
        }
        let absolute = text.hasPrefix("./") || text.hasPrefix("../") ? try join(text, to: parent) : text
        let url: RemoteURL
        do throws(BuilderFailure) {
            url = try RemoteURL(absolute)
        } catch {
            throw BuilderFailure(.submodule, "its URL is none that is fetched from: \(error.message)")
        }
        switch (url, parentURL) {
        case (.local, .local), (.ssh, _): return absolute
        case (.local, _):
            throw BuilderFailure(
                .submodule, "its URL is a path on this machine, and the repository is elsewhere: \(text)")
        case (.web(let child), .web(let parent)):
            let (own, above) = (WebAddress(child), WebAddress(parent))
            if own.scheme == "http", above.scheme == "https" {
                throw BuilderFailure(.submodule, "its URL is http, and the repository's is https: \(text)")
            }
            return own.withUser(of: above)
        case (.web, _): return absolute
        }
    }

    /// As git-submodule(1): components of the parent's path are taken away, never its host.
    private static func join(_ text: String, to parent: String) throws(BuilderFailure) -> String {
        var base = Substring(parent)
        let fixed: String.Index
        if let colon = parent.firstIndex(of: ":"), parent[colon...].hasPrefix("://") {
            fixed = parent[colon...].dropFirst(3).firstIndex(of: "/") ?? parent.endIndex
        } else {
            // `/srv/a.git`, or `host:a.git`.
            fixed = parent.hasPrefix("/") ? parent.startIndex : parent.firstIndex(of: ":") ?? parent.startIndex
        }
        while base.hasSuffix("/"), base.endIndex > fixed { base.removeLast() }
        var rest = Substring(text)
        while true {
            if rest.hasPrefix("./") {
                rest = rest.dropFirst(2)
            } else if rest.hasPrefix("../") {
                rest = rest.dropFirst(3)
                guard let cut = base[fixed...].lastIndex(where: { $0 == "/" || $0 == ":" }),
                    base.index(after: cut) < base.endIndex
                else { throw BuilderFailure(.submodule, "its URL leads out of the repository's host: \(text)") }
                base = base[..<(base[cut] == ":" ? base.index(after: cut) : cut)]
            } else {
                break
            }
        }
        let parts = rest.split(separator: "/", omittingEmptySubsequences: false)
        guard !rest.isEmpty, parts.allSatisfy({ $0 != ".." && $0 != "." && $0 != "" }) else {
            throw BuilderFailure(.submodule, "its URL has `..` in the middle: \(text)")
        }
        return base.hasSuffix(":") ? "\(base)\(rest)" : "\(base)/\(rest)"
    }
}

/// A web URL's parts, as far as they say who may see the credentials.
private struct WebAddress {
    var scheme: String
    var user: Substring?
    var host: String
    var rest: Substring

    /// Of a text that RemoteURL took for one.
    init(_ text: String) {
        let colon = text.firstIndex(of: ":") ?? text.startIndex
        scheme = text[..<colon].lowercased()
        let tail = text[colon...].dropFirst(3)
        let authority = tail.prefix { $0 != "/" }
        rest = tail[authority.endIndex...]
        let at = authority.lastIndex(of: "@")
        user = at.map { authority[..<$0] }
        host = (at.map { authority[authority.index(after: $0)...] } ?? authority).lowercased()
    }

    /// Credentials in the parent's URL are for its own host, scheme and port, and for nobody else.
    func withUser(of parent: WebAddress) -> String {
        let shared = scheme == parent.scheme && host == parent.host ? parent.user : nil
        return "\(scheme)://\((user ?? shared).map { "\($0)@" } ?? "")\(host)\(rest)"
    }
}
