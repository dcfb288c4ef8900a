import Model

/// Makes `ServerSettings` of a merged draft: applies the rules that need several keys, or the machine.
struct ServerAssembly {
    var userID: UInt32
    var location: AppLocation
    var environment: [String: String]

    /// `sun_path` of sockaddr_un holds 108 bytes, the last of which is a NUL (unix(7)).
    static let longestSocketPath = 107

    func settings(_ merge: Merge, _ app: AppSettings) throws(ConfigError) -> ServerSettings {
        var server = merge.draft.server
        server.listen = [try listenAddress(merge, app)]
        server.runtimeDirectory = try runtimeDirectory(merge)
        server.pidFile = server.pidFile ?? standardPidFile(server)
        return server
    }

    func warnings(_ merge: Merge) -> [ConfigProblem] {
        guard merge.draft.socketFile != nil else { return [] }
        return ["address", "port"].compactMap { key in
            merge.origins[key].map {
                ConfigProblem(at: $0, key: key, "'\(key)' is ignored, because 'socket_file' is set")
            }
        }
    }

    private func listenAddress(_ merge: Merge, _ app: AppSettings) throws(ConfigError) -> ListenAddress {
        let draft = merge.draft
        if let path = draft.socketFile {
            guard path.utf8.count <= ServerAssembly.longestSocketPath else {
                throw ServerAssembly.tooLong("socket_file", path, merge.origins["socket_file"])
            }
            return .unix(path: path)
        }
        let isPrivate = app.environment == "development" && !location.isDeployRoot
        var host = draft.address ?? (isPrivate ? "127.0.0.1" : "0.0.0.0")
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return .tcp(host: host, port: draft.port)
    }

    private func runtimeDirectory(_ merge: Merge) throws(ConfigError) -> String {
        if let path = merge.draft.runtimeDirectory {
            // Sockets are made inside, so this is only the first of the checks.
            guard path.utf8.count <= ServerAssembly.longestSocketPath else {
                throw ServerAssembly.tooLong("runtime_dir", path, merge.origins["runtime_dir"])
            }
            return path
        }
        let lingers = RuntimeDirectory.lingers(environment: environment)
        if let path = RuntimeDirectory.standard(userID: userID, environment: environment, lingers: lingers) {
            return path
        }
        throw ConfigError(
            ConfigProblem(
                at: .standard, key: "runtime_dir", "no directory for sockets: HOME is not set",
                hint: "Set 'runtime_dir'."))
    }

    /// In place only, and never as root in somebody else's tree. A directory that has no use for it is not littered with
    /// one by a server in the foreground.
    private func standardPidFile(_ server: ServerSettings) -> String? {
        guard case .inPlace(let directory) = location, FilePath.owner(directory) == userID else { return nil }
        let pids = FilePath.join(directory, "tmp/pids")
        let isThere = FilePath.kind(pids) == .directory
        guard server.daemonize || isThere else { return nil }
        // Often `tmp` alone is the app user's.
        if userID == 0, isThere, PathTrust.objection(to: FilePath.join(pids, "x"), user: 0) != nil { return nil }
        if case .tcp(_, let port) = server.listen.first { return FilePath.join(pids, "passenger.\(port).pid") }
        return FilePath.join(pids, "passenger.pid")
    }

    private static func tooLong(_ key: String, _ path: String, _ origin: ConfigPlace?) -> ConfigError {
        ConfigError(
            ConfigProblem(
                at: origin ?? .standard, key: key,
                "'\(key)' is \(path.utf8.count) bytes long; a socket's path can have \(longestSocketPath)",
                hint: "Use a shorter path."))
    }
}
