package import Model

/// What a listener is called between whoever plans it, the supervisor and the core. By its address, so that one that is kept
/// over a reload keeps its name: `http-tcp:127.0.0.1:3000`, `https-unix:/run/blog.sock`.
package struct ListenerName: Sendable {
    package enum Scheme: String, Sendable { case http, https }

    package let rawValue: String

    package init(_ scheme: Scheme, _ address: ListenAddress) {
        switch address {
        case .tcp: rawValue = "\(scheme.rawValue)-tcp:\(address)"
        case .unix(let path): rawValue = "\(scheme.rawValue)-unix:\(path)"
        }
    }

    /// As `status` lists it: `127.0.0.1:3000`, `unix:/run/blog.sock`.
    package static func address(_ name: String) -> String {
        guard scheme(name) != nil else { return name }
        let place = name.drop { $0 != ":" }.dropFirst()
        return place.hasPrefix("/") ? "unix:\(place)" : String(place)
    }

    /// Nil for those that are not the gateway's.
    package static func scheme(_ name: String) -> Scheme? {
        let kind = name.prefix { $0 != ":" }.split(separator: "-")
        return kind.count == 2 ? Scheme(rawValue: String(kind[0])) : nil
    }
}
