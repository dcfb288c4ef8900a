/// Where the server listens: an IP address and port, or a Unix socket's path.
package enum ListenAddress: Sendable, Codable, Equatable, Hashable, CustomStringConvertible {
    case tcp(host: String, port: Int)
    case unix(path: String)

    /// Nil for a Unix socket.
    package var port: Int? {
        if case .tcp(_, let port) = self { port } else { nil }
    }

    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// What belongs to the server and not to one app. Paths are absolute.
package struct ServerSettings: Sendable, Codable, Equatable {
    package var instanceName: String = "default"
    package var listen: [ListenAddress] = []
    package var socketBacklog: Int = 2048
    package var maxConnections: Int = 16384
    /// Addresses or CIDR ranges whose `X-Forwarded-*` are believed.
    package var trustedProxies: [String] = []
    package var daemonize: Bool = false
    package var pidFile: String?
    package var logFile: String?
    /// 0 (critical) … 3 (info) … 7 (trace), as in Passenger.
    package var logLevel: Int = 3
    package var logFormat: LogFormat = .text
    package var coreUser: String?
    package var runtimeDirectory: String = ""
    /// Nil: by the rule of DESIGN section 8.
    package var stateDirectory: String?
    package var dataBufferDirectory: String = "/var/tmp"
    package var bufferMemoryLimit: Int = 256 << 20
    package var bufferDiskLimit: Int = 8 << 30
    package var shutdownTimeout: Duration = .seconds(25)
    /// 0 means one for each core of the machine.
    package var eventLoops: Int = 0
    package var showVersionInHeader: Bool = true
    /// Every connection on a plain or TLS listener begins with a PROXY protocol header.
    package var proxyProtocol: Bool = false
    package var tls = TLSSettings()
    package var accessLog: AccessLogFormat = .off
    /// Nil: the server's log.
    package var accessLogFile: String?
    /// Memory of the response cache, all apps together.
    package var cacheMemoryLimit: Int = 64 << 20
    /// How long requests are still accepted after the server was told to stop.
    package var shutdownDelay: Duration = .zero
    /// Nil: the admin API is at its Unix socket only.
    package var remoteAdmin: RemoteAdminSettings?
    package init() {}
}

/// The admin API and the dashboard over TCP.
package struct RemoteAdminSettings: Sendable, Codable, Equatable, CustomStringConvertible {
    package var listen: ListenAddress
    /// Nil only where `listen` is an address of this machine alone.
    package var certificate: CertificateFiles?
    /// File of those who may ask.
    package var tokens: String
    package init(listen: ListenAddress, certificate: CertificateFiles? = nil, tokens: String) {
        self.listen = listen
        self.certificate = certificate
        self.tokens = tokens
    }

    package var description: String { "\(listen)\(certificate == nil ? "" : " with TLS")" }
}

/// Of the server's own log.
package enum LogFormat: String, Sendable, Codable, Equatable, CaseIterable {
    case text, json
}

package enum AccessLogFormat: String, Sendable, Codable, Equatable, CaseIterable {
    case off, text, json
}

/// TLS listeners and what they present.
package struct TLSSettings: Sendable, Codable, Equatable {
    /// The first is for clients that name no server, or one that no certificate covers.
    package var certificates: [CertificateFiles] = []
    /// Listeners that speak TLS; those of `ServerSettings.listen` are plain.
    package var listen: [ListenAddress] = []
    package var http2: Bool = true
    /// Plain requests are redirected to https.
    package var redirect: Bool = false
    package init() {}
}

/// A chain and its key, PEM, absolute paths.
package struct CertificateFiles: Sendable, Codable, Equatable, Hashable {
    package var chain: String
    package var key: String
    package init(chain: String, key: String) {
        self.chain = chain
        self.key = key
    }
}
