import Foundation
import Glibc
import Linux
import Testing

/// Debian's nginx or apache2, with a printed site in the smallest main configuration that takes it. Runs in the foreground, on
/// loopback ports, and ends with the test.
final class WebServerSite {
    enum Kind: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case nginx, apache
        var testDescription: String { rawValue }
        var program: String { self == .nginx ? "nginx" : "apache2" }
    }

    let kind: Kind
    let port: Int
    let securePort: Int
    private let place: Place
    private let directory: String
    private var program: Program?

    /// What `passenger integrate` prints with these options, and with ports that are free.
    init(
        _ kind: Kind, _ options: [String], socket: String, certificate: Certificate? = nil, of server: TestServer,
        in place: Place
    ) throws {
        self.kind = kind
        self.place = place
        port = try freePort()
        securePort = try freePort()
        directory = "\(place.path)/web"
        mkdir(directory, 0o755)
        var arguments = ["integrate", kind.rawValue, "--address", "127.0.0.1", "--port", "\(port)", "--socket", socket]
        if let certificate {
            arguments += [
                "--ssl-port", "\(securePort)", "--ssl-certificate", certificate.chain, "--ssl-certificate-key",
                certificate.key,
            ]
        }
        let printed = try server.begin(arguments + options).wait(within: .seconds(60), "passenger integrate")
        try #require(printed.status == 0, "\(printed.everything)")
        try start(site: printed.output)
    }

    /// A site that is written already. It listens on `port`.
    init(_ kind: Kind, site: (_ port: Int) throws -> String, in place: Place) throws {
        self.kind = kind
        self.place = place
        port = try freePort()
        securePort = 0
        directory = "\(place.path)/web"
        mkdir(directory, 0o755)
        try start(site: site(port))
    }

    deinit {
        // Not killed: its workers would go on without it.
        program?.signal(SIGTERM)
        _ = try? program?.wait(within: .seconds(30))
    }

    private func start(site: String) throws {
        try site.write(toFile: "\(directory)/site.conf", atomically: false, encoding: .utf8)
        let main = "\(directory)/main.conf"
        try (kind == .nginx ? nginx : apache).write(toFile: main, atomically: false, encoding: .utf8)
        let command =
            kind == .nginx
            ? ["nginx", "-p", directory, "-e", "\(directory)/error.log", "-c", main]
            : ["apache2", "-D", "FOREGROUND", "-f", main]
        var environment = ProcessInfo.plainEnvironment
        environment["PATH"] = (environment["PATH"] ?? "") + ":/usr/sbin:/sbin"
        let path = "/usr/sbin/\(command[0])"
        // Where the tests die, it ends in an orderly way and with its workers.
        let program = try Program(
            ["setpriv", "--pdeathsig", "TERM", path] + command.dropFirst(), environment: environment, in: place)
        self.program = program
        try eventually("\(kind) to listen", evidence: { self.log + program.log }) {
            if program.hasEnded { throw TimedOut(what: "\(self.kind) ended", evidence: self.log + program.log) }
            return (try? HTTPConnection(port: self.port)) != nil
        }
    }

    var log: String { text(of: "\(directory)/error.log") }

    /// Has it read its configuration again, and waits for the first process that did.
    func reload() throws {
        let program = try #require(program)
        let before = Set(children)
        program.signal(kind == .nginx ? SIGHUP : SIGUSR1)
        try eventually("a reload of \(kind)", evidence: { self.log }) { !self.children.allSatisfy(before.contains) }
    }

    private var children: [Int32] {
        guard let master = program?.pid else { return [] }
        return processNumbers().filter { processParent(pid: $0) == master }
    }

    func get(_ path: String, host: String = "test", headers: [String: String] = [:]) throws -> HTTPAnswer {
        try fetch(path, port: port, host: host, headers: headers)
    }

    private var isRoot: Bool { geteuid() == 0 }

    private var nginx: String {
        """
        \(isRoot ? "user nobody nogroup;" : "")
        daemon off;
        pid \(directory)/pid;
        worker_processes 2;
        events { worker_connections 512; }
        http {
            include /etc/nginx/mime.types;
            access_log off;
            client_body_temp_path \(directory)/body;
            proxy_temp_path \(directory)/proxy;
            fastcgi_temp_path \(directory)/fastcgi;
            uwsgi_temp_path \(directory)/uwsgi;
            scgi_temp_path \(directory)/scgi;
            include \(directory)/site.conf;
        }

        """
    }

    /// The modules that the site's first lines name, and those that Debian has on.
    private var apache: String {
        let modules = [
            "mpm_event", "authz_core", "authz_host", "authn_core", "dir", "mime", "alias", "env", "setenvif",
            "reqtimeout",
            "deflate", "filter", "autoindex", "proxy", "proxy_http", "rewrite", "headers", "ssl", "http2",
        ]
        return """
            ServerRoot \(directory)
            DefaultRuntimeDir \(directory)
            \(modules.map { "LoadModule \($0)_module /usr/lib/apache2/modules/mod_\($0).so" }.joined(separator: "\n"))
            \(isRoot ? "User nobody\nGroup nogroup" : "")
            PidFile \(directory)/pid
            ErrorLog \(directory)/error.log
            ServerName localhost
            TypesConfig /etc/mime.types
            AddOutputFilterByType DEFLATE text/html text/plain text/css application/javascript
            StartServers 1
            ServerLimit 4
            ThreadsPerChild 25
            MaxRequestWorkers 100
            Listen 127.0.0.1:\(port)
            \(securePort == 0 ? "" : "Listen 127.0.0.1:\(securePort)")
            <Directory />
                Options FollowSymLinks
                AllowOverride None
                Require all denied
            </Directory>
            Include \(directory)/site.conf

            """
    }
}
