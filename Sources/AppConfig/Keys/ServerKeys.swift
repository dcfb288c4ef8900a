import Model

extension KeyTable {
    /// Keys of the server: listeners, users, files, directories, ceilings. An app's own file may not set them.
    static let serverKeys: [ConfigKey] = listenKeys + tlsKeys + adminKeys + processKeys + userKeys + placeKeys

    private static let listenKeys: [ConfigKey] = [
        ConfigKey(
            "address", .server, .name("an IP address or host name", "127.0.0.1"), \.address, by: .reload,
            "Address to listen on (127.0.0.1 in development, else 0.0.0.0)"),
        ConfigKey("port", .server, .integer(0...65535, 3000), \.port, by: .reload, "TCP port to listen on"),
        ConfigKey(
            "socket_file", .server, .path("/run/blog.sock"), \.socketFile, by: .reload,
            "Unix socket to listen on, instead of address and port"),
        ConfigKey(
            "socket_backlog", .server, .integer(1...65535, 2048), \.server.socketBacklog, by: .upgrade,
            "Connections that may wait to be accepted"),
        ConfigKey(
            "max_connections", .server, .integer(1...1_000_000, 16384), \.server.maxConnections, by: .reload,
            "Client connections that may be open at a time"),
        ConfigKey(
            "trusted_proxies", .server,
            .list(
                of: .network, expected: "a list of IP addresses or ranges", example: "[127.0.0.1, 10.0.0.0/8]"),
            \.server.trustedProxies, by: .reload, "Peers whose X-Forwarded-* headers are believed"),
        ConfigKey(
            "server_names", .server,
            .list(
                of: .hostPattern, expected: "a list of host names", example: "[www.example.com, '*.example.org']"),
            by: .reload, "Host names of the app; *.example.com stands for all below it",
            set: { $0.app.serverNames = $1 }),
        ConfigKey(
            "proxy_protocol", .server, .boolean, \.server.proxyProtocol, by: .upgrade,
            "Connections begin with a PROXY protocol header (versions 1 and 2)"),
    ]

    private static let tlsKeys: [ConfigKey] = [
        ConfigKey("ssl", .server, .boolean, \.ssl, by: .reload, "Speak TLS: on ssl_port if that is set, else on port"),
        ConfigKey(
            "ssl_certificate", .server, .paths("/etc/ssl/blog.pem"), \.certificates, by: .reload,
            "Certificate and chain, PEM; a list for several server names"),
        ConfigKey(
            "ssl_certificate_key", .server, .paths("/etc/ssl/blog.key"), \.certificateKeys, by: .reload,
            "Private key of ssl_certificate, PEM; as many as there are certificates"),
        ConfigKey(
            "ssl_port", .server, .integer(0...65535, 3443), \.sslPort, by: .reload,
            "TCP port that speaks TLS, beside the plain one"),
        ConfigKey("http2", .server, .boolean, \.server.tls.http2, by: .upgrade, "Offer HTTP/2 on TLS"),
        ConfigKey(
            "ssl_redirect", .server, .boolean, \.server.tls.redirect, by: .reload,
            "Send clients of the plain port to https"),
    ]

    private static let adminKeys: [ConfigKey] = [
        ConfigKey(
            "admin_port", .server, .integer(0...65535, 3200), \.adminPort, by: .upgrade,
            "TCP port for the admin API and the dashboard (without it: only the Unix socket)"),
        ConfigKey(
            "admin_address", .server, .name("an IP address", "127.0.0.1"), \.adminAddress, by: .upgrade,
            "Address of admin_port; one that other machines reach needs TLS"),
        ConfigKey(
            "admin_tokens", .server, .path("/etc/passenger/tokens"), \.adminTokens, by: .upgrade,
            "File of who may use admin_port: a name, what it may do, and a token on each line; mode 0600"),
        ConfigKey(
            "admin_ssl_certificate", .server, .path("/etc/ssl/admin.pem"), \.adminCertificate, by: .upgrade,
            "Certificate and chain of admin_port, PEM"),
        ConfigKey(
            "admin_ssl_certificate_key", .server, .path("/etc/ssl/admin.key"), \.adminCertificateKey, by: .upgrade,
            "Private key of admin_ssl_certificate, PEM"),
    ]

    /// Of one app each, but about places that its own files may not open up.
    private static let placeKeys: [ConfigKey] = [
        ConfigKey(
            "static_roots", .server, .paths("/srv/media"), \.app.http.files.staticRoots, by: .reload,
            "Directories outside of the app that links in its static files may lead to"),
        ConfigKey(
            "sendfile_roots", .server, .paths("/srv/media"), \.app.http.files.sendfileRoots, by: .reload,
            "Directories outside of the app that X-Sendfile may name files in"),
    ]

    private static let processKeys: [ConfigKey] = [
        ConfigKey(
            "apps_dir", .server, .path("/srv/apps"), \.appsDirectory, by: .upgrade,
            "Directory of apps to serve: each entry is an app's directory, a deploy root, or a link to one"),
        ConfigKey(
            "instance_name", .server, .identifier("default"), \.server.instanceName, by: .upgrade,
            "Name of this server among those on the machine"),
        ConfigKey("daemonize", .server, .boolean, \.server.daemonize, by: .upgrade, "Run in the background"),
        ConfigKey(
            "pid_file", .server, .path("tmp/pids/passenger.pid"), \.server.pidFile, by: .upgrade,
            "File for the server's process id"),
        ConfigKey(
            "log_file", .server, .path("log/passenger.log"), \.server.logFile, by: .upgrade,
            "File for the server's log, instead of standard error"),
        ConfigKey(
            "access_log", .server, .oneOf(AccessLogFormat.self), \.server.accessLog, by: .reload,
            "One line for each request, as text (combined format) or JSON"),
        ConfigKey(
            "access_log_file", .server, .path("log/access.log"), \.server.accessLogFile, by: .reload,
            "File for the access log, instead of the server's log"),
        ConfigKey(
            "log_format", .server, .oneOf(LogFormat.self), \.server.logFormat, by: .upgrade,
            "Lines of the server's log as text, or one JSON object each"),
        ConfigKey("log_level", .server, .logLevel, \.server.logLevel, by: .reload, "How much is logged"),
        ConfigKey(
            "core_user", .server, .name("a user's name", "passenger"), \.server.coreUser, by: .upgrade,
            "User of the process that serves requests, when started by root"),
        ConfigKey(
            "runtime_dir", .server, .path("/run/passenger"), \.runtimeDirectory, by: .upgrade,
            "Directory for sockets and for what is gone with the server"),
        ConfigKey(
            "state_dir", .server, .path("/var/lib/passenger"), \.server.stateDirectory, by: .upgrade,
            "Directory for journals and for what a server must remember"),
        ConfigKey(
            "data_buffer_dir", .server, .path("/var/tmp"), \.server.dataBufferDirectory, by: .reload,
            "Directory for request and response bodies that are too large for memory"),
        ConfigKey(
            "buffer_memory_limit", .server, .size("256MB"), \.server.bufferMemoryLimit, by: .reload,
            "Memory for buffered bodies, all together"),
        ConfigKey(
            "buffer_disk_limit", .server, .size("8GB"), \.server.bufferDiskLimit, by: .reload,
            "Disk space for buffered bodies, all together"),
        ConfigKey(
            "turbocaching_memory", .server, .size("64MB"), \.server.cacheMemoryLimit, by: .upgrade,
            "Memory for cached answers, all apps together"),
        ConfigKey(
            "shutdown_delay", .server, .duration("10s"), \.server.shutdownDelay, by: .reload,
            "How long requests are still taken after the order to stop, for load balancers to notice (readyz)"),
        ConfigKey(
            "shutdown_timeout", .server, .duration("25s"), \.server.shutdownTimeout, by: .reload,
            "How long requests in flight may take when the server stops"),
        ConfigKey(
            "event_loops", .server, .integer(0...1024, 0), \.server.eventLoops, by: .upgrade,
            "Threads that serve connections (0: one for each core)"),
        ConfigKey(
            "show_version_in_header", .server, .boolean, \.server.showVersionInHeader, by: .reload,
            "Name the version in response headers"),
    ]

    private static let userKeys: [ConfigKey] = [
        ConfigKey(
            "user", .server, .name("a user's name", "blog"), \.app.users.user, by: .upgrade,
            "User of the app's workers, when started by root"),
        ConfigKey(
            "group", .server, .name("a group's name", "blog"), \.app.users.group, by: .upgrade,
            "Group of the app's workers, when started by root"),
        ConfigKey(
            "deploy_user", .server, .name("a user's name", "deploy"), \.app.users.deployUser, by: .upgrade,
            "User of checkouts, builds and hooks, when started by root"),
        ConfigKey(
            "roles", .server, .roles, \.app.users.roles, by: .reload,
            "Who besides root, the server's user and the app's owner may view, deploy, operate, or run a shell"),
    ]
}
