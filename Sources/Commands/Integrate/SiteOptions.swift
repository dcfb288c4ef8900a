import AdminAPI
import ArgumentParser
import Glibc

/// What a site that is printed anew is about.
struct SiteOptions: ParsableArguments {
    static let standardSocket = "/run/passenger/http.sock"

    @Option(help: ArgumentHelp("A host name of the site; again for further ones.", valueName: "name"))
    var serverName: [String] = []

    @Option(help: ArgumentHelp("The app's directory, or its deploy root.", valueName: "dir"))
    var appRoot: String?

    @Option(
        name: .customLong("public"),
        help: ArgumentHelp("Its files, if they are not in public/ there.", valueName: "dir"))
    var publicDirectory: String?

    @Option(help: ArgumentHelp("Path that the app is mounted at, such as /shop.", valueName: "path"))
    var baseURI: String?

    @Option(
        help: ArgumentHelp(
            "A further app of the same host, such as /shop=/srv/shop; again for more.", valueName: "path=dir"))
    var subURI: [String] = []

    @Option(
        name: [.customLong("socket"), .customLong("socket-file")],
        help: ArgumentHelp("The socket that passenger listens on: its socket_file.", valueName: "path"))
    var socket: String?

    @Option(help: ArgumentHelp("Address that the web server listens on, if not every one.", valueName: "address"))
    var address: String?

    @Option(help: ArgumentHelp("Its port (80).", valueName: "port"))
    var port: UInt16?

    @Option(help: ArgumentHelp("Its port for TLS (443).", valueName: "port"))
    var sslPort: UInt16?

    @Option(help: ArgumentHelp("Certificate and chain, for TLS at the web server.", valueName: "file"))
    var sslCertificate: String?

    @Option(help: ArgumentHelp("Its private key.", valueName: "file"))
    var sslCertificateKey: String?

    /// Whether any but the socket was given.
    var isAny: Bool {
        !serverName.isEmpty || !subURI.isEmpty || sslPort != nil || port != nil
            || [appRoot, publicDirectory, baseURI, address, sslCertificate, sslCertificateKey].contains { $0 != nil }
    }

    func validate() throws {
        guard (sslCertificate == nil) == (sslCertificateKey == nil) else {
            throw ValidationError("--ssl-certificate and --ssl-certificate-key go together.")
        }
        guard sslPort == nil || sslCertificate != nil else {
            throw ValidationError("--ssl-port needs --ssl-certificate and --ssl-certificate-key.")
        }
    }

    func checkedSocket() throws(ControlError) -> String {
        try SafeText.socket(socket.map(Self.absolute) ?? Self.standardSocket)
    }

    func site(for server: WebServer) throws(ControlError) -> Site {
        var names: [String] = []
        for name in serverName { names.append(try SafeText.serverName(name)) }
        if names.isEmpty { names = ["example.com"] }
        var apps: [SiteApp] = []
        for entry in subURI {
            let parts = entry.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else {
                throw ControlError(
                    .usage, "'\(entry)' is no further app.", hint: "For example: --sub-uri /shop=/srv/shop.")
            }
            let files = Self.standardPublicDirectory(of: Self.absolute(parts[1]))
            apps.append(
                SiteApp(
                    baseURI: try SafeText.baseURI(parts[0]),
                    publicDirectory: try SafeText.path(files, "the public directory")))
        }
        let base = try baseURI.map { uri throws(ControlError) in try SafeText.baseURI(uri) } ?? "/"
        let files = try SafeText.path(
            publicDirectory.map(Self.absolute)
                ?? Self.standardPublicDirectory(of: Self.absolute(appRoot ?? "/srv/example")), "the public directory")
        var block = SiteServer(
            names: names, listen: try listen(server, port ?? 80, isTLS: false), root: base == "/" ? files : nil,
            apps: [SiteApp(baseURI: base, publicDirectory: files)] + apps)
        if let certificate = sslCertificate, let key = sslCertificateKey {
            block.redirectFrom = block.listen
            block.listen = try listen(server, sslPort ?? 443, isTLS: true)
            block.tls = Self.tls(
                server, try SafeText.path(Self.absolute(certificate), "the certificate"),
                try SafeText.path(Self.absolute(key), "the key"))
        }
        return Site(id: Site.id(for: names[0]), title: names[0], socket: try checkedSocket(), servers: [block])
    }

    private func listen(_ server: WebServer, _ port: UInt16, isTLS: Bool) throws(ControlError) -> [String] {
        let address = try address.map { text throws(ControlError) in try SafeText.address(text) }
        guard server == .nginx else { return ["\(address ?? "*"):\(port)"] }
        let places = address.map { ["\($0):\(port)"] } ?? ["\(port)", "[::]:\(port)"]
        return places.map { isTLS ? "\($0) ssl http2" : $0 }
    }

    private static func tls(_ server: WebServer, _ certificate: String, _ key: String) -> [String] {
        server == .nginx
            ? ["ssl_certificate \"\(certificate)\";", "ssl_certificate_key \"\(key)\";"]
            : [
                "SSLEngine On", "SSLCertificateFile \"\(certificate)\"", "SSLCertificateKeyFile \"\(key)\"",
                "Protocols h2 http/1.1",
            ]
    }

    /// In a deploy root the live release is below `current`; a directory that is not there yet will be one.
    private static func standardPublicDirectory(of root: String) -> String {
        let isInPlace = access(root, F_OK) == 0 && !Paths.isDeployRoot(root) && access("\(root)/current", F_OK) != 0
        return isInPlace ? "\(root)/public" : "\(root)/current/public"
    }

    /// Links stay: `current` means another release after the next deploy.
    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        let here = Paths.resolved(".")
        let rest = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        return rest == "." ? here : "\(here)/\(rest)"
    }
}
