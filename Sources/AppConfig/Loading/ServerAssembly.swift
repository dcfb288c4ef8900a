import Model

/// Makes `ServerSettings` of a merged draft: applies the rules that need several keys, or the machine.
struct ServerAssembly {
    var userID: UInt32
    /// Of the only app; nil when there are many.
    var location: AppLocation?
    var environment: [String: String]

    /// `sun_path` of sockaddr_un holds 108 bytes, the last of which is a NUL (unix(7)).
    static let longestSocketPath = 107

    func settings(_ merge: Merge, _ app: AppSettings?) throws(ConfigError) -> ServerSettings {
        var server = merge.draft.server
        let plain = try listenAddress(merge, app)
        server.tls.certificates = try TLSAssembly.certificates(merge)
        let speaksTLS = TLSAssembly.isOn(merge.draft)
        if speaksTLS, let port = try TLSAssembly.port(merge) {
            server.listen = [plain]
            server.tls.listen = [.tcp(host: host(merge, app), port: port)]
        } else {
            server.listen = speaksTLS ? [] : [plain]
            server.tls.listen = speaksTLS ? [plain] : []
        }
        server.remoteAdmin = try AdminAssembly.settings(merge)
        server.runtimeDirectory = try runtimeDirectory(merge)
        server.pidFile = server.pidFile ?? standardPidFile(server)
        return server
    }

    func warnings(_ merge: Merge) -> [ConfigProblem] {
        var warnings = TLSAssembly.warnings(merge) + AdminAssembly.warnings(merge)
        guard merge.draft.socketFile != nil else { return warnings }
        let usesAddress = TLSAssembly.isOn(merge.draft) && merge.draft.sslPort != nil
        for key in usesAddress ? ["port"] : ["address", "port"] {
            guard let origin = merge.origins[key] else { continue }
            warnings.append(
                ConfigProblem(at: origin, key: key, "'\(key)' is ignored, because 'socket_file' is set"))
        }
        return warnings
    }

    private func listenAddress(_ merge: Merge, _ app: AppSettings?) throws(ConfigError) -> ListenAddress {
        let draft = merge.draft
        if let path = draft.socketFile {
            guard path.utf8.count <= ServerAssembly.longestSocketPath else {
                throw ServerAssembly.tooLong("socket_file", path, merge.origins["socket_file"])
            }
            return .unix(path: path)
        }
        return .tcp(host: host(merge, app), port: draft.port)
    }

    private func host(_ merge: Merge, _ app: AppSettings?) -> String {
        let isPrivate = app?.environment == "development" && location?.isDeployRoot == false
        let host = merge.draft.address ?? (isPrivate ? "127.0.0.1" : "0.0.0.0")
        return host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
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
    /// one by a server in the foreground; for a daemon, whoever starts the server makes `tmp/pids` where it is missing.
    private func standardPidFile(_ server: ServerSettings) -> String? {
        guard case .inPlace(let directory) = location, FilePath.owner(directory) == userID else { return nil }
        let temporary = FilePath.join(directory, "tmp")
        let pids = FilePath.join(temporary, "pids")
        let isThere = FilePath.kind(pids) == .directory
        guard server.daemonize || isThere else { return nil }
        // Often `tmp` alone is the app user's. What is not there yet is judged by where it would be made.
        let made = isThere ? FilePath.join(pids, "x") : FilePath.kind(temporary) == nil ? temporary : pids
        if userID == 0, PathTrust.objection(to: made, user: 0) != nil { return nil }
        if case .tcp(_, let port) = server.listen.first ?? server.tls.listen.first {
            return FilePath.join(pids, "passenger.\(port).pid")
        }
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
