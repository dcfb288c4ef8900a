import Model

extension KeyTable {
    /// Keys that an app's own files may set.
    static let appKeys: [ConfigKey] =
        codeKeys + poolKeys + queueKeys + routingKeys + httpKeys + fileKeys + healthKeys

    private static let codeKeys: [ConfigKey] = [
        ConfigKey(
            "environment", .app, .name("an environment's name", "production"), \.environment, by: .restart,
            "RAILS_ENV, RACK_ENV, NODE_ENV and PASSENGER_APP_ENV of the app"),
        ConfigKey(
            "app_type", .app, .oneOf(AppKind.self), \.kind, by: .restart,
            "How the app is started, instead of what its files suggest"),
        ConfigKey(
            "startup_file", .app, .pathInApp("config.ru"), \.startupFile, by: .restart, "File that the app begins in"),
        ConfigKey(
            "subdir", .app, .pathInApp("web"), \.subdirectory, by: .restart,
            "Directory of the app inside its repository"),
        ConfigKey(
            "app_start_command", .app, .text("./server --port $PORT"), \.startCommand, by: .restart,
            "Command that serves HTTP on $PORT, for apps of any kind"),
        ConfigKey("stop_signal", .app, .signal, \.app.stopSignal, by: .restart, "Signal that asks a worker to stop"),
        ConfigKey("ruby", .app, .program("/usr/bin/ruby"), \.ruby, by: .restart, "Ruby interpreter"),
        ConfigKey("python", .app, .program("/usr/bin/python3"), \.python, by: .restart, "Python interpreter"),
        ConfigKey("nodejs", .app, .program("/usr/bin/node"), \.nodejs, by: .restart, "Node.js interpreter"),
        ConfigKey(
            "preload_bundler", .app, .boolean, \.app.preloadBundler, by: .restart,
            "Set up the app's bundle before anything else is loaded in a Ruby process"),
        ConfigKey(
            merging: "envvars", .app, .variables, \.app.variables, by: .restart, "Environment variables of the app"),
        ConfigKey(
            "load_shell_envvars", .app, .boolean, \.app.loadShellEnvvars, by: .restart,
            "Give the app what the login shell of its user sets up (.profile and the like)"),
        ConfigKey(
            "env_file", .app, .path("shared/.env"), \.app.envFile, by: .restart,
            "File with KEY=value lines: environment variables that are not in the repository"),
        ConfigKey(
            "friendly_error_pages", .app, .boolean, \.friendlyErrorPages, by: .restart,
            "Show why the app did not start to whoever asks (on in development)"),
        ConfigKey(
            "app_log_file", .app, .path("log/app.log"), \.app.appLogFile, by: .restart,
            "File that the app's output goes to, instead of the server's log"),
        ConfigKey(
            "processes", .app, .processes, by: .restart,
            "Background processes that are deployed with the app", set: { $0.take($1) }),
        ConfigKey(
            "restart_dir", .app, .pathInApp("tmp"), \.app.restartDirectory, by: .restart,
            "Directory in which restart.txt is looked for"),
        ConfigKey(
            "watch", .app, .boolean, \.app.watchesSources, by: .restart,
            "Restart the app when its code changes (in place: a release never changes)"),
    ]

    private static let poolKeys: [ConfigKey] = [
        ConfigKey(
            "max_pool_size", .app, .integer(1...100_000, 6), \.app.pool.maxPoolSize, by: .restart,
            "Workers that may live at a time"),
        ConfigKey(
            "min_instances", .app, .integer(0...100_000, 1), \.app.pool.minInstances, by: .restart,
            "Workers that are always kept"),
        ConfigKey(
            "max_instances", .app, .integer(0...100_000, 4, zeroIsUnlimited: true), \.app.pool.maxInstances,
            by: .restart, "Workers that the app grows to at most (0: as many as max_pool_size leaves)"),
        ConfigKey(
            "pool_idle_time", .app, .duration("300s", zeroIsUnlimited: true), \.app.pool.poolIdleTime, by: .restart,
            "How long a worker above min_instances stays when it is not needed (0: for ever)"),
        ConfigKey(
            "prestart", .app, .boolean, \.app.pool.prestart, by: .restart,
            "Start workers with the server, and not with the first request"),
        ConfigKey(
            "max_requests", .app, .integer(0...1_000_000_000, 10_000, zeroIsUnlimited: true),
            \.app.pool.maxRequests, by: .restart,
            "Requests after which a worker is replaced, give or take a tenth (0: never)"),
        ConfigKey(
            "memory_limit", .app, .size("500MB", zeroIsUnlimited: true), \.app.pool.memoryLimit, by: .restart,
            "Memory of a worker from which on it is replaced after its requests (0: no limit)"),
        ConfigKey(
            "hard_memory_limit", .app, .size("1GB", zeroIsUnlimited: true), \.app.pool.hardMemoryLimit, by: .restart,
            "Memory of a worker from which on it is stopped at once (0: no limit)"),
        ConfigKey(
            "start_timeout", .app, .positiveDuration("90s"), \.app.pool.startTimeout, by: .restart,
            "How long a worker may take to start"),
        ConfigKey(
            "stop_timeout", .app, .duration("60s"), \.app.pool.stopTimeout, by: .restart,
            "How long a worker may take to stop before it is killed"),
        ConfigKey(
            "max_parallel_spawns", .app, .integer(0...10_000, 0), \.app.pool.maxParallelSpawns, by: .restart,
            "Workers that may start at the same time (0: one for each core)"),
        ConfigKey(
            "concurrency_model", .app, .oneOf(ConcurrencyModel.self), \.app.pool.concurrencyModel, by: .restart,
            "Whether a Ruby or WSGI worker serves one request at a time or has threads"),
        ConfigKey(
            "thread_count", .app, .integer(1...1_000, 1), \.app.pool.threadCount, by: .restart,
            "Threads of such a worker, each for one request at a time"),
        ConfigKey(
            "spawn_method", .app, .oneOf(SpawnMethod.self), \.app.pool.spawnMethod, by: .restart,
            "smart: Ruby and Python apps are loaded once, and workers forked from there; direct: each loads the app"),
        ConfigKey(
            "max_generations", .app, .integer(2...20, 3), \.app.deploy.maxGenerations, by: .deploy,
            "Versions of an app that run at a time; a further deploy ends the oldest one's last streams"),
        ConfigKey(
            "max_preloader_idle_time", .app, .duration("300s", zeroIsUnlimited: true),
            \.app.pool.maxPreloaderIdleTime, by: .restart,
            "How long the process that workers are forked from stays when none is needed (0: no limit)"),
        ConfigKey(
            "force_max_concurrent_requests_per_process", .app, .integer(-1...1_000_000, -1),
            \.app.pool.forceMaxConcurrentRequestsPerProcess, by: .restart,
            "Requests that one worker is given at a time (-1: by its kind, 0: no limit)"),
    ]

    private static let queueKeys: [ConfigKey] = [
        ConfigKey(
            "max_request_queue_size", .app, .integer(0...10_000_000, 100, zeroIsUnlimited: true),
            \.app.queue.maxRequestQueueSize, by: .restart, "Requests that may wait for a worker (0: no limit)"),
        ConfigKey(
            "max_request_queue_time", .app, .duration("30s", zeroIsUnlimited: true), \.app.queue.maxRequestQueueTime,
            by: .restart, "How long a request may wait for a worker (0: no limit)"),
        ConfigKey(
            "request_queue_overflow_status_code", .app, .integer(400...599, 503), \.app.queue.overflowStatusCode,
            by: .restart, "Status of the answer when the queue is full"),
        ConfigKey(
            "request_queue_timeout_status_code", .app, .integer(400...599, 504), \.app.queue.timeoutStatusCode,
            by: .restart, "Status of the answer when a request has waited too long"),
    ]

    private static let routingKeys: [ConfigKey] = [
        ConfigKey(
            "base_uri", .app, .urlPrefix("/shop"), \.app.http.baseURI, by: .restart,
            "Path that the app is mounted at"),
        ConfigKey(
            "sticky_sessions", .app, .boolean, \.app.http.stickySessions, by: .restart,
            "Send a client's requests to the worker that served its first one"),
        ConfigKey(
            "sticky_sessions_cookie_name", .app, .cookieName("_passenger_route"), \.app.http.stickySessionsCookieName,
            by: .restart, "Cookie that names that worker"),
        ConfigKey(
            "sticky_sessions_cookie_attributes", .app, .cookieAttributes, \.app.http.stickySessionsCookieAttributes,
            by: .restart, "What is set beside the cookie's value"),
        ConfigKey(
            "unlimited_concurrency_paths", .app,
            .list(
                of: .urlPrefix("/cable"), expected: "a list of paths that start with '/'", example: "[/cable]"),
            \.app.http.unlimitedConcurrencyPaths, by: .restart,
            "Paths, with all below them, whose requests do not count for a worker's concurrency"),
        ConfigKey(
            "abort_websockets_on_process_shutdown", .app, .boolean, \.app.http.abortWebsocketsOnProcessShutdown,
            by: .restart, "Close WebSockets and other streams of a worker that is to stop"),
    ]

    private static let httpKeys: [ConfigKey] = [
        ConfigKey(
            "max_request_body", .app, .size("1GB", zeroIsUnlimited: true), \.app.http.maxRequestBody, by: .restart,
            "Size of the largest request body (0: no limit)"),
        ConfigKey(
            "header_timeout", .app, .positiveDuration("10s"), \.app.http.headerTimeout, by: .restart,
            "How long a client may take to send a request's head"),
        ConfigKey(
            "body_timeout", .app, .positiveDuration("60s"), \.app.http.bodyTimeout, by: .restart,
            "How long a client may be silent in the middle of a request body, or slower than 500 bytes a second"),
        ConfigKey(
            "keep_alive_timeout", .app, .duration("60s"), \.app.http.keepAliveTimeout, by: .restart,
            "How long a client's connection may be idle"),
        ConfigKey(
            "max_request_time", .app, .duration("30s", zeroIsUnlimited: true), \.app.http.maxRequestTime, by: .restart,
            "How long a worker may take to answer (0: no limit)"),
        ConfigKey(
            "request_buffering", .app, .boolean, \.app.http.requestBuffering, by: .restart,
            "Collect a request's body before a worker gets it"),
        ConfigKey(
            "response_buffer_high_watermark", .app, .size("128MB"), \.app.http.responseBufferHighWatermark,
            by: .restart,
            "How much of an answer may wait for a slow client before its worker has to"),
        ConfigKey(
            "gzip", .app, .boolean, \.app.http.gzip, by: .restart, "Compress text for clients that take it"),
        ConfigKey(
            "turbocaching", .app, .boolean, \.app.http.cache.isOn, by: .restart,
            "Keep answers in memory as far as their Cache-Control allows"),
        ConfigKey(
            "vary_turbocache_by_cookie", .app, .cookieName("language"), \.app.http.cache.varyByCookie, by: .restart,
            "Cookie whose value tells cached answers apart"),
        ConfigKey(
            "set_headers", .app, .responseHeaders, by: .restart, "Header fields for every answer, over the app's own",
            set: { $0.app.http.merge(headers: $1) }),
        ConfigKey(
            "custom_error_page", .app, .pathInApp("public/500.html"), \.app.http.customErrorPage, by: .restart,
            "HTML file that is shown instead of the server's own error pages"),
    ]

    private static let fileKeys: [ConfigKey] = [
        ConfigKey(
            "static_files_dir", .app, .pathInAppOrOff("public"), \.app.http.files.staticFilesDirectory, by: .restart,
            "Directory of files that are served without the app (off: none)"),
        ConfigKey(
            merging: "static_paths", .app, .directories("{/assets: dist/assets}"), \.app.http.files.staticPaths,
            by: .restart, "Further directories of such files, by the path that they are served at"),
        ConfigKey(
            merging: "accel_redirects", .app, .directories("{/protected: storage}"), \.app.http.files.accelRedirects,
            by: .restart, "Directories that X-Accel-Redirect may name files in, by the path that it uses"),
    ]

    private static let healthKeys: [ConfigKey] = [
        ConfigKey(
            "health.path", .app, .urlPath, \.app.health.path, by: .restart, "Path that proves a new worker healthy"),
        ConfigKey(
            "health.expect", .app, .statusRange, by: .restart, "Statuses that count as healthy",
            set: { draft, range in
                draft.app.health.expectLow = range.lowerBound
                draft.app.health.expectHigh = range.upperBound
            }),
        ConfigKey(
            "health.host", .app, .name("a host name", "www.example.com"), \.app.health.host, by: .restart,
            "Host header of probes (the first of server_names)"),
        ConfigKey(
            merging: "health.headers", .app, .headers, \.app.health.headers, by: .restart, "Further headers of probes"),
        ConfigKey(
            "health.body_contains", .app, .text("OK"), \.app.health.bodyContains, by: .restart,
            "Text that a healthy answer contains"),
        ConfigKey(
            "health.timeout", .app, .positiveDuration("10s"), \.app.health.timeout, by: .restart,
            "How long a probe may take"),
        ConfigKey(
            "health.interval", .app, .positiveDuration("250ms"), \.app.health.interval, by: .restart,
            "Pause between two probes"
        ),
        ConfigKey(
            "health.successes", .app, .integer(1...100, 2), \.app.health.successes, by: .restart,
            "Good answers in a row that prove a worker"),
        ConfigKey(
            "health.deadline", .app, .positiveDuration("90s"), \.app.health.deadline, by: .restart,
            "How long a worker may take to be proved (start_timeout)"),
        ConfigKey(
            "health.after_switch_interval", .app, .duration("5s"), \.app.health.afterSwitchInterval, by: .restart,
            "Pause between probes of a worker that serves, if health.path is set (0: none)"),
        ConfigKey(
            "health.failures", .app, .integer(1...100, 3), \.app.health.failures, by: .restart,
            "Bad answers in a row after which such a worker is replaced"),
        ConfigKey(
            "health.warmup", .app,
            .list(of: .urlPath, expected: "a list of paths that start with '/'", example: "[/, /products]"),
            \.app.health.warmup, by: .restart, "Paths that are requested on every new worker before it gets traffic"),
    ]
}

extension HTTPSettings {
    /// Names differ by more than case, as two of one name would both be sent.
    fileprivate mutating func merge(headers: [String: String]) {
        for (name, value) in headers {
            for known in setHeaders.keys where known.lowercased() == name.lowercased() { setHeaders[known] = nil }
            setHeaders[name] = value
        }
    }
}
