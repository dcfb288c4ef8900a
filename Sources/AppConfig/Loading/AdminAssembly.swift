import Model

/// The rules about the admin API over TCP: who asks is known by a token alone, so a token never goes over a network in the
/// clear.
enum AdminAssembly {
    static func settings(_ merge: Merge) throws(ConfigError) -> RemoteAdminSettings? {
        let draft = merge.draft
        guard let port = draft.adminPort else { return nil }
        let host = bare(draft.adminAddress ?? "127.0.0.1")
        guard let tokens = draft.adminTokens else {
            throw problem(
                merge, "admin_port", "'admin_port' needs 'admin_tokens'",
                hint: "For example: admin_tokens: /etc/passenger/tokens")
        }
        let certificate = try certificate(merge)
        if certificate == nil, !isLoopback(host) {
            throw problem(
                merge, draft.adminAddress == nil ? "admin_port" : "admin_address",
                "the admin API at \(host) needs TLS: 'admin_ssl_certificate' and 'admin_ssl_certificate_key'",
                hint: "Or leave 'admin_address' out, and come through ssh: ssh -L \(port):127.0.0.1:\(port) HOST")
        }
        return RemoteAdminSettings(listen: .tcp(host: host, port: port), certificate: certificate, tokens: tokens)
    }

    static func warnings(_ merge: Merge) -> [ConfigProblem] {
        guard merge.draft.adminPort == nil else { return [] }
        let keys = ["admin_address", "admin_tokens", "admin_ssl_certificate", "admin_ssl_certificate_key"]
        return keys.compactMap { key in
            merge.origins[key].map {
                ConfigProblem(at: $0, key: key, "'\(key)' is ignored, because 'admin_port' is not set")
            }
        }
    }

    private static func certificate(_ merge: Merge) throws(ConfigError) -> CertificateFiles? {
        switch (merge.draft.adminCertificate, merge.draft.adminCertificateKey) {
        case (nil, nil): return nil
        case (let chain?, let key?): return CertificateFiles(chain: chain, key: key)
        case (_?, nil):
            throw problem(
                merge, "admin_ssl_certificate", "'admin_ssl_certificate' is set without 'admin_ssl_certificate_key'",
                hint: "A file that holds both is named under both keys.")
        case (nil, _?):
            throw problem(
                merge, "admin_ssl_certificate_key",
                "'admin_ssl_certificate_key' is set without 'admin_ssl_certificate'")
        }
    }

    private static func bare(_ host: String) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    }

    /// A name, other than this one, leads to wherever its owner likes.
    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    private static func problem(_ merge: Merge, _ key: String, _ message: String, hint: String? = nil) -> ConfigError {
        ConfigError(ConfigProblem(at: merge.origins[key] ?? .standard, key: key, message, hint: hint))
    }
}
