import Testing

/// A self-signed certificate for this machine, and its key.
struct Certificate {
    let chain: String
    let key: String

    init(in place: Place, as name: String = "server") throws {
        chain = "\(place.path)/\(name).pem"
        key = "\(place.path)/\(name).key"
        try renew(in: place)
    }

    /// Another pair at the same paths.
    func renew(in place: Place) throws {
        try Clients.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                "60",
            ]
                + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
                + ["-keyout", key, "-out", chain], in: place)
    }

    /// Of a server whose one port speaks TLS.
    var options: [String] { ["--ssl", "--ssl-certificate", chain, "--ssl-certificate-key", key] }
}
