extension PassengerDirectives {
    /// All that Passenger 6 knows, by what they are about.
    static let all: [PassengerDirective] =
        places + apps + languages + workers + requests + sessions + servers + buffers + logs + always + absent

    private typealias D = PassengerDirective

    private static let places: [D] = [
        D(
            nginx: "passenger_enabled", apache: "PassengerEnabled", counterpart: .place("an entry of `apps:`"),
            remark: "An app is what the server file names. Where it was off, the web server goes on by itself."),
        D(nginx: "passenger_app_root", apache: "PassengerAppRoot", counterpart: .place("`root` of the app")),
        D(
            nginx: "passenger_base_uri", apache: "PassengerBaseURI", aliases: ["RailsBaseURI", "RackBaseURI"],
            counterpart: .place("`base_uri` of the app, and its place in the site")),
        D(
            nginx: "passenger_document_root", apache: nil,
            counterpart: .place("`static_files_dir` of the app, and the site's directory")),
        D(
            nginx: "passenger_env_var", apache: nil, counterpart: .place("`envvars` of the app"),
            remark: "Apache's `SetEnv` is taken over the same way."),
        D(
            nginx: "passenger_pre_start", apache: "PassengerPreStart",
            counterpart: .place("`min_instances` of the app"),
            remark:
                "An app whose server file says `min_instances` starts with the server; the path is not requested (`health.warmup`)."
        ),
        D(
            nginx: "passenger_user", apache: "PassengerUser", counterpart: .key("user", .name),
            remark: "Left out, an app runs as the owner of its directory, as there, and never as root."),
        D(nginx: "passenger_group", apache: "PassengerGroup", counterpart: .key("group", .name)),
    ]

    private static let apps: [D] = [
        D(
            nginx: "passenger_app_env", apache: "PassengerAppEnv",
            aliases: ["rails_env", "rack_env", "RailsEnv", "RackEnv"], counterpart: .key("environment", .name)),
        D(nginx: "passenger_app_type", apache: "PassengerAppType", counterpart: .key("app_type", .appType)),
        D(
            nginx: "passenger_startup_file", apache: "PassengerStartupFile",
            counterpart: .key("startup_file", .pathInApp)),
        D(
            nginx: "passenger_app_start_command", apache: "PassengerAppStartCommand",
            counterpart: .key("app_start_command", .text), remark: "The command serves HTTP on `$PORT`."),
        D(
            nginx: "passenger_restart_dir", apache: "PassengerRestartDir", counterpart: .key("restart_dir", .pathInApp),
            remark: "`restart.txt` is noticed within a second, without a request."),
        D(
            nginx: "passenger_load_shell_envvars", apache: "PassengerLoadShellEnvvars",
            counterpart: .key("load_shell_envvars", .flag), remark: "On by default there, off here."),
        D(
            nginx: "passenger_preload_bundler", apache: "PassengerPreloadBundler",
            counterpart: .key("preload_bundler", .flag)),
        D(
            nginx: "passenger_friendly_error_pages", apache: "PassengerFriendlyErrorPages",
            counterpart: .key("friendly_error_pages", .flag)),
        D(
            nginx: "passenger_custom_error_page", apache: "PassengerCustomErrorPage",
            counterpart: .key("custom_error_page", .pathInApp)),
        D(
            nginx: "passenger_app_log_file", apache: "PassengerAppLogFile", counterpart: .key("app_log_file", .path),
            remark: "Enterprise's."),
    ]

    private static let languages: [D] = [
        D(
            nginx: "passenger_ruby", apache: "PassengerRuby", aliases: ["RailsRuby"],
            counterpart: .key("ruby", .program),
            remark:
                "Left out, `.ruby-version` and the like choose; so does the `passenger_free_ruby` of Passenger's packages."
        ),
        D(nginx: nil, apache: "PassengerDefaultRuby", counterpart: .key("ruby", .program), isGlobal: true),
        D(nginx: "passenger_python", apache: "PassengerPython", counterpart: .key("python", .program)),
        D(nginx: "passenger_nodejs", apache: "PassengerNodejs", counterpart: .key("nodejs", .program)),
    ]

    private static let workers: [D] = [
        D(
            nginx: "passenger_max_pool_size", apache: "PassengerMaxPoolSize", aliases: ["RailsMaxPoolSize"],
            counterpart: .key("max_pool_size", .number), isGlobal: true),
        D(
            nginx: "passenger_pool_idle_time", apache: "PassengerPoolIdleTime", aliases: ["RailsPoolIdleTime"],
            counterpart: .key("pool_idle_time", .seconds), isGlobal: true),
        D(
            nginx: "passenger_max_instances_per_app", apache: "PassengerMaxInstancesPerApp",
            aliases: ["RailsMaxInstancesPerApp"], counterpart: .key("max_instances", .number), isGlobal: true),
        D(
            nginx: "passenger_min_instances", apache: "PassengerMinInstances",
            counterpart: .key("min_instances", .number),
            remark:
                "Kept, not only not collected: a worker that dies is replaced at once. In a server file it starts the app with the server."
        ),
        D(
            nginx: "passenger_max_instances", apache: "PassengerMaxInstances",
            counterpart: .key("max_instances", .number),
            remark: "Enterprise's."),
        D(
            nginx: "passenger_spawn_method", apache: "PassengerSpawnMethod",
            aliases: ["rails_spawn_method", "RailsSpawnMethod"], counterpart: .key("spawn_method", .spawnMethod),
            remark: "`smart` is for Python too."),
        D(
            nginx: "passenger_max_preloader_idle_time", apache: "PassengerMaxPreloaderIdleTime",
            aliases: ["rails_app_spawner_idle_time", "RailsAppSpawnerIdleTime"],
            counterpart: .key("max_preloader_idle_time", .seconds)),
        D(
            nginx: "passenger_start_timeout", apache: "PassengerStartTimeout",
            counterpart: .key("start_timeout", .seconds)),
        D(
            nginx: "passenger_concurrency_model", apache: "PassengerConcurrencyModel",
            counterpart: .key("concurrency_model", .name), remark: "Enterprise's."),
        D(
            nginx: "passenger_thread_count", apache: "PassengerThreadCount", counterpart: .key("thread_count", .number),
            remark: "Enterprise's."),
        D(
            nginx: "passenger_force_max_concurrent_requests_per_process",
            apache: "PassengerForceMaxConcurrentRequestsPerProcess",
            counterpart: .key("force_max_concurrent_requests_per_process", .number),
            remark: "0 for one location, as for Action Cable, is `unlimited_concurrency_paths` with its path."),
        D(nginx: "passenger_max_requests", apache: "PassengerMaxRequests", counterpart: .key("max_requests", .number)),
        D(
            nginx: "passenger_memory_limit", apache: "PassengerMemoryLimit",
            counterpart: .key("memory_limit", .megabytes), remark: "Enterprise's."),
    ]

    private static let requests: [D] = [
        D(
            nginx: "passenger_max_request_time", apache: "PassengerMaxRequestTime",
            counterpart: .key("max_request_time", .seconds), remark: "Enterprise's. For the whole app."),
        D(
            nginx: "passenger_max_request_queue_size", apache: "PassengerMaxRequestQueueSize",
            counterpart: .key("max_request_queue_size", .number)),
        D(
            nginx: "passenger_max_request_queue_time", apache: "PassengerMaxRequestQueueTime",
            counterpart: .key("max_request_queue_time", .seconds), remark: "Enterprise's."),
        D(
            nginx: "passenger_request_queue_overflow_status_code", apache: nil,
            counterpart: .key("request_queue_overflow_status_code", .number)),
        D(
            nginx: "passenger_abort_websockets_on_process_shutdown", apache: nil,
            counterpart: .key("abort_websockets_on_process_shutdown", .flag)),
        D(
            nginx: "passenger_request_buffering", apache: nil, counterpart: .key("request_buffering", .flag),
            remark: "For the whole app."),
        D(
            nginx: "passenger_set_header", apache: nil, aliases: ["passenger_set_cgi_param"],
            counterpart: .site("`proxy_set_header` in the site.")),
        D(nginx: "passenger_pass_header", apache: nil, counterpart: .site("`proxy_pass_header` in the site.")),
        D(nginx: "passenger_ignore_headers", apache: nil, counterpart: .site("`proxy_ignore_headers` in the site.")),
        D(
            nginx: "passenger_ignore_client_abort", apache: nil,
            counterpart: .site("`proxy_ignore_client_abort` in the site.")),
        D(
            nginx: "passenger_read_timeout", apache: nil,
            counterpart: .site("`proxy_read_timeout` in the site; a limit for workers is `max_request_time`.")),
        D(
            nginx: "passenger_intercept_errors", apache: "PassengerErrorOverride",
            counterpart: .site("`proxy_intercept_errors`, `ProxyErrorOverride` in the site.")),
        D(
            nginx: nil, apache: "PassengerAllowEncodedSlashes",
            counterpart: .site("The site has `AllowEncodedSlashes NoDecode`.")),
    ]

    private static let sessions: [D] = [
        D(
            nginx: "passenger_sticky_sessions", apache: "PassengerStickySessions",
            counterpart: .key("sticky_sessions", .flag)),
        D(
            nginx: "passenger_sticky_sessions_cookie_name", apache: "PassengerStickySessionsCookieName",
            counterpart: .key("sticky_sessions_cookie_name", .name)),
        D(
            nginx: "passenger_sticky_sessions_cookie_attributes", apache: "PassengerStickySessionsCookieAttributes",
            counterpart: .key("sticky_sessions_cookie_attributes", .text)),
        D(
            nginx: "passenger_vary_turbocache_by_cookie", apache: nil,
            counterpart: .key("vary_turbocache_by_cookie", .name)),
        D(
            nginx: "passenger_turbocaching", apache: "PassengerTurbocaching", counterpart: .key("turbocaching", .flag),
            remark: "On by default there, off here.", isGlobal: true),
    ]

    private static let servers: [D] = [
        D(
            nginx: "passenger_socket_backlog", apache: "PassengerSocketBacklog",
            counterpart: .key("socket_backlog", .number), isGlobal: true),
        D(
            nginx: "passenger_data_buffer_dir", apache: "PassengerDataBufferDir",
            counterpart: .key("data_buffer_dir", .path), isGlobal: true),
        D(
            nginx: "passenger_response_buffer_high_watermark", apache: "PassengerResponseBufferHighWatermark",
            counterpart: .key("response_buffer_high_watermark", .bytes), isGlobal: true),
        D(
            nginx: "passenger_show_version_in_header", apache: "PassengerShowVersionInHeader",
            counterpart: .key("show_version_in_header", .flag), isGlobal: true),
        D(
            nginx: "passenger_instance_registry_dir", apache: "PassengerInstanceRegistryDir",
            counterpart: .needsNothing("Commands find servers in `/run/passenger`, or where `runtime_dir` says.")),
    ]

    private static let buffers: [D] = [
        D(
            nginx: "passenger_buffer_response", apache: "PassengerBufferResponse",
            counterpart: .needsNothing("passenger holds answers for slow clients itself.")),
        D(
            nginx: "passenger_buffer_upload", apache: "PassengerBufferUpload",
            counterpart: .needsNothing("passenger collects bodies itself: `request_buffering`.")),
        size("passenger_buffer_size"), size("passenger_buffers"), size("passenger_busy_buffers_size"),
        size("passenger_headers_hash_bucket_size"), size("passenger_headers_hash_max_size"),
        size("passenger_temp_path"),
    ]

    private static func size(_ name: String) -> D {
        D(
            nginx: name, apache: nil,
            counterpart: .needsNothing("nginx passes requests on by its own module, with the site's sizes."))
    }

    private static let logs: [D] = [
        D(
            nginx: "passenger_log_level", apache: "PassengerLogLevel", counterpart: .key("log_level", .number),
            isGlobal: true),
        D(
            nginx: "passenger_log_file", apache: "PassengerLogFile",
            aliases: ["passenger_debug_log_file", "PassengerDebugLogFile"], counterpart: .key("log_file", .path),
            isGlobal: true),
        D(
            nginx: "passenger_disable_log_prefix", apache: "PassengerDisableLogPrefix",
            counterpart: .none("See `log_format`.")),
        D(
            nginx: "passenger_file_descriptor_log_file", apache: "PassengerFileDescriptorLogFile",
            counterpart: .none("It was for debugging Passenger.")),
        D(
            nginx: "passenger_dump_config_manifest", apache: "PassengerDumpConfigManifest",
            counterpart: .none("`passenger config` prints what is set, and where.")),
        D(
            nginx: "passenger_monitor_log_file", apache: "PassengerMonitorLogFile",
            counterpart: .none("`passenger logs` shows what processes write.")),
    ]

    /// What is so without being asked for.
    private static let always: [D] = [
        D(
            nginx: "passenger_root", apache: "PassengerRoot",
            counterpart: .needsNothing("The program finds its own files.")),
        D(
            nginx: "passenger_rolling_restarts", apache: "PassengerRollingRestarts",
            counterpart: .needsNothing(
                "Enterprise's. No restart loses a request here; `deploy.strategy` says how it goes.")),
        D(
            nginx: "passenger_resist_deployment_errors", apache: "PassengerResistDeploymentErrors",
            counterpart: .needsNothing("Enterprise's. A version that does not start never gets a request here.")),
        D(
            nginx: "passenger_fly_with", apache: "PassengerFlyWith",
            counterpart: .needsNothing("Enterprise's. passenger is a server of its own beside the web server.")),
        D(
            nginx: nil, apache: "PassengerHighPerformance",
            counterpart: .needsNothing("There is no module in Apache that it would speed up.")),
        D(
            nginx: "passenger_stat_throttle_rate", apache: "PassengerStatThrottleRate",
            counterpart: .needsNothing("Files are watched, not looked at with each request.")),
        D(
            nginx: "passenger_use_global_queue", apache: "PassengerUseGlobalQueue",
            counterpart: .needsNothing("An app has one queue.")),
        D(
            nginx: "passenger_old_routing", apache: "PassengerOldRouting",
            counterpart: .needsNothing("Requests go to the least busy worker.")),
        D(
            nginx: "passenger_disable_security_update_check", apache: "PassengerDisableSecurityUpdateCheck",
            counterpart: .needsNothing("Nothing is ever asked of another server.")),
        D(
            nginx: "passenger_security_update_check_proxy", apache: "PassengerSecurityUpdateCheckProxy",
            counterpart: .needsNothing("Nothing is ever asked of another server.")),
        D(
            nginx: "passenger_disable_anonymous_telemetry", apache: "PassengerDisableAnonymousTelemetry",
            counterpart: .needsNothing("Nothing is ever told to another server.")),
        D(
            nginx: "passenger_anonymous_telemetry_proxy", apache: "PassengerAnonymousTelemetryProxy",
            counterpart: .needsNothing("Nothing is ever told to another server.")),
        D(
            nginx: nil, apache: "RailsAllowModRewrite",
            counterpart: .needsNothing("mod_rewrite works beside it, in an `.htaccess` too.")),
        D(nginx: nil, apache: "RailsSpawnServer", counterpart: .needsNothing("The program finds its own files.")),
        D(
            nginx: "rails_framework_spawner_idle_time", apache: "RailsFrameworkSpawnerIdleTime",
            counterpart: .needsNothing("There is one preloader for each app: `max_preloader_idle_time`.")),
    ]

    private static let absent: [D] =
        [
            D(
                nginx: "passenger_user_switching", apache: "PassengerUserSwitching", aliases: ["RailsUserSwitching"],
                counterpart: .none(
                    "Started by root, each app has its user; started as a user (`User=` of the service), all have that one."
                )),
            D(
                nginx: "passenger_default_user", apache: "PassengerDefaultUser", aliases: ["RailsDefaultUser"],
                counterpart: .none("An app runs as its `user`, or as the owner of its directory.")),
            D(
                nginx: "passenger_default_group", apache: "PassengerDefaultGroup",
                counterpart: .none("An app runs with its `group`, or with that of its user.")),
            D(
                nginx: "passenger_app_group_name", apache: "PassengerAppGroupName",
                counterpart: .none("An app is told apart by its name in `apps:`.")),
            D(
                nginx: "passenger_app_rights", apache: nil,
                counterpart: .none("Who may do what with an app is `roles`.")),
            D(
                nginx: "passenger_app_file_descriptor_ulimit", apache: nil,
                counterpart: .none("The limit is that of the service (`LimitNOFILE=`).")),
            D(
                nginx: "passenger_core_file_descriptor_ulimit", apache: nil,
                counterpart: .none("The limit is that of the service (`LimitNOFILE=`), and raised as far as it may be.")
            ),
            D(
                nginx: "passenger_app_connect_timeout", apache: "PassengerAppConnectTimeout",
                counterpart: .none("Workers listen on Unix sockets: a connection is there at once, or tried again.")),
            D(
                nginx: "passenger_spawn_exception_status_code", apache: nil,
                counterpart: .none("For an app that does not start the answer is 503.")),
            D(
                nginx: "passenger_abort_on_startup_error", apache: nil,
                counterpart: .none("`passenger start` ends with the reason when it cannot start.")),
            D(
                nginx: "passenger_direct_instance_request_address", apache: "PassengerDirectInstanceRequestAddress",
                counterpart: .none("Workers are reached by the server alone.")),
            D(
                nginx: "passenger_spawn_dir", apache: "PassengerSpawnDir",
                counterpart: .none("What starting needs lies in `runtime_dir`.")),
            D(
                nginx: "passenger_ctl", apache: "PassengerCtl",
                counterpart: .none("It sets what has no directive; each setting here is a key.")),
            D(
                nginx: "passenger_meteor_app_settings", apache: "PassengerMeteorAppSettings",
                counterpart: .none("A Meteor app is bundled and run as a Node.js app.")),
            D(nginx: "passenger_debugger", apache: "PassengerDebugger", counterpart: .none("Enterprise's.")),
            D(
                nginx: nil, apache: "PassengerLveMinUid",
                counterpart: .none("CloudLinux' LVE and CageFS are not supported.")),
        ]
        + gone + panel

    private static let panel: [D] = [
        ("url", "Url"), ("auth_type", "AuthType"), ("username", "Username"), ("password", "Password"),
    ]
    .map { nginx, apache in
        D(
            nginx: "passenger_admin_panel_\(nginx)", apache: "PassengerAdminPanel\(apache)",
            counterpart: .none("The panel was a service; the dashboard is the server's own: `admin_port`."))
    }

    private static let gone: [D] = [
        ("passenger_analytics_log_user", "PassengerAnalyticsLogUser"),
        ("passenger_analytics_log_group", "PassengerAnalyticsLogGroup"),
        ("union_station_gateway_address", "UnionStationGatewayAddress"),
        ("union_station_gateway_port", "UnionStationGatewayPort"),
        ("union_station_gateway_cert", "UnionStationGatewayCert"),
        ("union_station_proxy_address", "UnionStationProxyAddress"), ("union_station_key", "UnionStationKey"),
        ("union_station_support", "UnionStationSupport"), ("union_station_filter", "UnionStationFilter"),
    ].map { nginx, apache in
        D(
            nginx: nginx, apache: apache,
            counterpart: .none("Union Station is gone; `passenger metrics` tells what is measured."))
    }
}
