/// Where the server listens: an IP address and port, or a Unix socket's path.
package enum ListenAddress: Sendable, Codable, Equatable, Hashable, CustomStringConvertible {
    case tcp(host: String, port: Int)
    case unix(path: String)

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
    package init() {}
}
