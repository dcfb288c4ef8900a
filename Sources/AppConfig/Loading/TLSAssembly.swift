import Model

/// The rules about keys that only make sense together: whether TLS is spoken, where, and with what.
enum TLSAssembly {
    /// `ssl_port` alone says so too.
    static func isOn(_ draft: Draft) -> Bool { draft.ssl ?? (draft.sslPort != nil) }

    /// Nil: TLS takes the place of plain HTTP.
    static func port(_ merge: Merge) throws(ConfigError) -> Int? {
        let draft = merge.draft
        guard let port = draft.sslPort else { return nil }
        // Port 0 is another one each time.
        guard draft.socketFile == nil, port == draft.port, port != 0 else { return port }
        throw problem(
            merge, "ssl_port", "'ssl_port' is \(port), which is also the plain 'port'",
            hint: "Use another one, or leave 'ssl_port' out to speak TLS on 'port' alone.")
    }

    static func certificates(_ merge: Merge) throws(ConfigError) -> [CertificateFiles] {
        let draft = merge.draft
        let (chains, keys) = (draft.certificates, draft.certificateKeys)
        if chains.isEmpty, !keys.isEmpty {
            throw problem(merge, "ssl_certificate_key", "'ssl_certificate_key' is set without 'ssl_certificate'")
        }
        if keys.isEmpty, !chains.isEmpty {
            throw problem(
                merge, "ssl_certificate", "'ssl_certificate' is set without 'ssl_certificate_key'",
                hint: "A file that holds both is named under both keys.")
        }
        guard chains.count == keys.count else {
            throw problem(
                merge, "ssl_certificate_key",
                "'ssl_certificate_key' names \(keys.count) files and 'ssl_certificate' \(chains.count)",
                hint: "The first key belongs to the first certificate, and so on.")
        }
        if isOn(draft), chains.isEmpty {
            throw problem(
                merge, draft.ssl == nil ? "ssl_port" : "ssl", "TLS needs 'ssl_certificate' and 'ssl_certificate_key'",
                hint: "For example: ssl_certificate: /etc/ssl/blog.pem and ssl_certificate_key: /etc/ssl/blog.key")
        }
        guard isOn(draft) else { return [] }
        return zip(chains, keys).map { CertificateFiles(chain: $0, key: $1) }
    }

    static func warnings(_ merge: Merge) -> [ConfigProblem] {
        let draft = merge.draft
        var ignored: [(key: String, why: String)] = []
        if !isOn(draft) {
            let why = "because 'ssl' is not on"
            ignored = ["ssl_certificate", "ssl_certificate_key", "ssl_port", "http2", "ssl_redirect"].map { ($0, why) }
        } else if draft.sslPort == nil, draft.server.tls.redirect {
            ignored = [("ssl_redirect", "because there is no plain port beside the TLS one (ssl_port)")]
        }
        return ignored.compactMap { key, why in
            merge.origins[key].map { ConfigProblem(at: $0, key: key, "'\(key)' is ignored, \(why)") }
        }
    }

    private static func problem(
        _ merge: Merge, _ key: String, _ message: String, hint: String? = nil
    ) -> ConfigError {
        ConfigError(ConfigProblem(at: merge.origins[key] ?? .standard, key: key, message, hint: hint))
    }
}
