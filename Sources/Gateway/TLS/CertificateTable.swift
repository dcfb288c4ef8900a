package import NIOSSL

/// Which certificate answers for which server name. Immutable: a reload makes another.
package struct CertificateTable: Sendable {
    private var exact: [String: NIOSSLContext] = [:]
    /// By what follows the star: `.example.com`.
    private var wildcard: [String: NIOSSLContext] = [:]
    /// For clients that name no server, or an unknown one.
    package private(set) var first: NIOSSLContext?
    /// Nothing to choose: the client's hello need not be looked at.
    package let hasOne: Bool

    /// In the order of the settings: for a name that two have, the earlier one answers.
    init(_ pairs: [CertificatePair]) {
        first = pairs.first?.context
        hasOne = pairs.count == 1
        for pair in pairs {
            for name in pair.names {
                if name.hasPrefix("*.") {
                    let domain = String(name.dropFirst())
                    wildcard[domain] = wildcard[domain] ?? pair.context
                } else {
                    exact[name] = exact[name] ?? pair.context
                }
            }
        }
    }

    /// `name` in any case, with or without the dot at its end. A star stands for one label (RFC 9525 section 6.3).
    package func context(for name: String?) -> NIOSSLContext? {
        guard var name = name?.lowercased(), !name.isEmpty else { return first }
        if name.hasSuffix(".") { name.removeLast() }
        if let context = exact[name] { return context }
        if let dot = name.firstIndex(of: "."), dot != name.startIndex, let context = wildcard[String(name[dot...])] {
            return context
        }
        return first
    }
}
