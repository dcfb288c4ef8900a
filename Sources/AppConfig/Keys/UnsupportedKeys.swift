extension KeyTable {
    /// Keys of Phusion Passenger, standalone and integrated, that this version knows by name only: a warning and not an error, so
    /// that a file written for it still starts. A dotted name's group stands for all that is in it.
    static let unsupported: Set<String> = [
        "admin_panel_auth_type", "admin_panel_password", "admin_panel_url", "admin_panel_username",
        "anonymous_telemetry_proxy", "binaries_url_root", "debug_nginx_config", "dont_compile_runtime",
        "dont_install_runtime", "runtime_check_only", "app_connect_timeout", "app_file_descriptor_ulimit",
        "app_group_name", "auto",
        "core_file_descriptor_ulimit", "ctls", "debugger", "direct_instance_request_address",
        "disable_anonymous_telemetry", "disable_log_prefix", "disable_security_update_check", "disable_turbocaching",
        "engine", "instance_registry_dir", "log_prefix", "meteor_app_settings",
        "monitor_log_file", "nginx_bin", "nginx_config_template", "nginx_tarball", "nginx_version", "old_routing",
        "read_timeout", "resist_deployment_errors", "rolling_restarts", "security_update_check_proxy",
        "ssl_ciphers", "ssl_protocols", "stat_throttle_rate", "union_station_key",
        "watchdog_file_descriptor_ulimit",
    ]
}
