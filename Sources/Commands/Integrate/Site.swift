import AdminAPI

enum WebServer: String, CaseIterable, Sendable {
    case nginx, apache
}

/// A web server's site in front of passenger: one file. All of it can be written as it is (`SafeText`), or is taken from a
/// configuration that the web server took before.
struct Site {
    /// Names the site's upstream: letters, digits and `_`.
    var id: String
    /// Whom it is for, in the comment at its top.
    var title: String
    var socket: String
    var servers: [SiteServer]
    /// Statements beside the servers', as text.
    var others: [String] = []

    static func id(for name: String) -> String {
        let word = name.lowercased().unicodeScalars.map { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)) ? Character(scalar) : "_"
        }
        return "passenger_" + String(word.drop { $0 == "_" }.prefix(60))
    }
}

/// A `server` of nginx', a `VirtualHost` of Apache's.
struct SiteServer {
    /// The first is the name that Apache gives it.
    var names: [String]
    /// Arguments: of each `listen`, or of the `VirtualHost`.
    var listen: [String]
    /// What it serves beside the apps.
    var root: String?
    /// Statements about TLS; nil leaves a word on how there could be some.
    var tls: [String]?
    /// Where it listens without TLS, only to send clients to where there is.
    var redirectFrom: [String] = []
    /// Statements that stay as they were.
    var carried: [String] = []
    /// About requests that go to passenger.
    var extra: [String] = []
    var apps: [SiteApp]
    /// Lines of comment for above it.
    var comments: [String] = []
    /// Names of statements of ours that others of these take the place of.
    var replaced: Set<String> = []
}

struct SiteApp: Equatable {
    /// `/` for the whole site.
    var baseURI = "/"
    var publicDirectory: String
    /// Statements that stand where its files are sent from, as they were.
    var inside: [String] = []
}
