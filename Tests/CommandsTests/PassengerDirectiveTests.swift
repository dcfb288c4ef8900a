import AppConfig
import Foundation
import Testing

@testable import Commands

/// The table of Passenger's directives: whole, and the same in the code and for users.
struct PassengerDirectiveTests {
    /// What Passenger 6's module for nginx takes.
    private static let nginx = """
        passenger_abort_on_startup_error passenger_abort_websockets_on_process_shutdown
        passenger_admin_panel_auth_type passenger_admin_panel_password passenger_admin_panel_url
        passenger_admin_panel_username passenger_analytics_log_group passenger_analytics_log_user
        passenger_anonymous_telemetry_proxy passenger_app_connect_timeout passenger_app_env
        passenger_app_file_descriptor_ulimit passenger_app_group_name passenger_app_log_file passenger_app_rights
        passenger_app_root passenger_app_start_command passenger_app_type passenger_base_uri
        passenger_buffer_response passenger_buffer_size passenger_buffer_upload passenger_buffers
        passenger_busy_buffers_size passenger_concurrency_model passenger_core_file_descriptor_ulimit passenger_ctl
        passenger_custom_error_page passenger_data_buffer_dir passenger_debug_log_file passenger_debugger
        passenger_default_group passenger_default_user passenger_direct_instance_request_address
        passenger_disable_anonymous_telemetry passenger_disable_log_prefix passenger_disable_security_update_check
        passenger_document_root passenger_dump_config_manifest passenger_enabled passenger_env_var
        passenger_file_descriptor_log_file passenger_fly_with passenger_force_max_concurrent_requests_per_process
        passenger_friendly_error_pages passenger_group passenger_headers_hash_bucket_size
        passenger_headers_hash_max_size passenger_ignore_client_abort passenger_ignore_headers
        passenger_instance_registry_dir passenger_intercept_errors passenger_load_shell_envvars passenger_log_file
        passenger_log_level passenger_max_instances passenger_max_instances_per_app passenger_max_pool_size
        passenger_max_preloader_idle_time passenger_max_request_queue_size passenger_max_request_queue_time
        passenger_max_request_time passenger_max_requests passenger_memory_limit passenger_meteor_app_settings
        passenger_min_instances passenger_monitor_log_file passenger_nodejs passenger_old_routing
        passenger_pass_header passenger_pool_idle_time passenger_pre_start passenger_preload_bundler passenger_python
        passenger_read_timeout passenger_request_buffering passenger_request_queue_overflow_status_code
        passenger_resist_deployment_errors passenger_response_buffer_high_watermark passenger_restart_dir
        passenger_rolling_restarts passenger_root passenger_ruby passenger_security_update_check_proxy
        passenger_set_header passenger_show_version_in_header passenger_socket_backlog passenger_spawn_dir
        passenger_spawn_exception_status_code passenger_spawn_method passenger_start_timeout passenger_startup_file
        passenger_stat_throttle_rate passenger_sticky_sessions passenger_sticky_sessions_cookie_attributes
        passenger_sticky_sessions_cookie_name passenger_temp_path passenger_thread_count passenger_turbocaching
        passenger_use_global_queue passenger_user passenger_user_switching passenger_vary_turbocache_by_cookie
        rack_env rails_app_spawner_idle_time rails_env rails_framework_spawner_idle_time rails_spawn_method
        union_station_filter union_station_gateway_address union_station_gateway_cert union_station_gateway_port
        union_station_key union_station_proxy_address union_station_support
        """

    /// What its module for Apache takes (6.0.17, with what later versions have added).
    private static let apache = """
        PassengerAdminPanelAuthType PassengerAdminPanelPassword PassengerAdminPanelUrl PassengerAdminPanelUsername
        PassengerAllowEncodedSlashes PassengerAnalyticsLogGroup PassengerAnalyticsLogUser
        PassengerAnonymousTelemetryProxy PassengerAppConnectTimeout PassengerAppEnv PassengerAppGroupName
        PassengerAppLogFile PassengerAppRoot PassengerAppStartCommand PassengerAppType PassengerBaseURI
        PassengerBufferResponse PassengerBufferUpload PassengerConcurrencyModel PassengerCtl PassengerCustomErrorPage
        PassengerDataBufferDir PassengerDebugLogFile PassengerDebugger PassengerDefaultGroup PassengerDefaultRuby
        PassengerDefaultUser PassengerDirectInstanceRequestAddress PassengerDisableAnonymousTelemetry
        PassengerDisableLogPrefix PassengerDisableSecurityUpdateCheck PassengerDumpConfigManifest PassengerEnabled
        PassengerErrorOverride PassengerFileDescriptorLogFile PassengerFlyWith
        PassengerForceMaxConcurrentRequestsPerProcess PassengerFriendlyErrorPages PassengerGroup
        PassengerHighPerformance PassengerInstanceRegistryDir PassengerLoadShellEnvvars PassengerLogFile
        PassengerLogLevel PassengerLveMinUid PassengerMaxInstances PassengerMaxInstancesPerApp PassengerMaxPoolSize
        PassengerMaxPreloaderIdleTime PassengerMaxRequestQueueSize PassengerMaxRequestQueueTime
        PassengerMaxRequestTime PassengerMaxRequests PassengerMemoryLimit PassengerMeteorAppSettings
        PassengerMinInstances PassengerMonitorLogFile PassengerNodejs PassengerOldRouting PassengerPoolIdleTime
        PassengerPreStart PassengerPreloadBundler PassengerPython PassengerResistDeploymentErrors
        PassengerResponseBufferHighWatermark PassengerRestartDir PassengerRollingRestarts PassengerRoot PassengerRuby
        PassengerSecurityUpdateCheckProxy PassengerShowVersionInHeader PassengerSocketBacklog PassengerSpawnDir
        PassengerSpawnMethod PassengerStartTimeout PassengerStartupFile PassengerStatThrottleRate
        PassengerStickySessions PassengerStickySessionsCookieAttributes PassengerStickySessionsCookieName
        PassengerThreadCount PassengerTurbocaching PassengerUseGlobalQueue PassengerUser PassengerUserSwitching
        RackBaseURI RackEnv RailsAllowModRewrite RailsAppSpawnerIdleTime RailsBaseURI RailsDefaultUser RailsEnv
        RailsFrameworkSpawnerIdleTime RailsMaxInstancesPerApp RailsMaxPoolSize RailsPoolIdleTime RailsRuby
        RailsSpawnMethod RailsSpawnServer RailsUserSwitching UnionStationFilter UnionStationGatewayAddress
        UnionStationGatewayCert UnionStationGatewayPort UnionStationKey UnionStationProxyAddress UnionStationSupport
        """

    @Test func `each directive of both modules has a row, and no other has one`() {
        for (names, own) in [(Self.nginx, \PassengerDirective.nginx), (Self.apache, \.apache)] {
            let all = Set(names.split { $0 == " " || $0 == "\n" }.map(String.init))
            for name in all { #expect(PassengerDirectives.byName[name.lowercased()] != nil, "\(name)") }
            for name in PassengerDirectives.all.compactMap({ $0[keyPath: own] }) {
                #expect(all.contains(name), "\(name)")
            }
        }
    }

    @Test func `no name is there twice, and keys are keys of ours`() {
        let names = PassengerDirectives.all.flatMap { [$0.nginx, $0.apache].compactMap(\.self) + $0.aliases }
        #expect(Set(names.map { $0.lowercased() }).count == names.count)
        for directive in PassengerDirectives.all {
            guard case .key(let key, _) = directive.counterpart else { continue }
            #expect(KeyTable.all.contains { $0.name == key }, "\(key)")
        }
    }

    @Test func `the table for users is this one`() throws {
        let path = "\(SourceTree.path)/docs/passenger-directives.md"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.hasSuffix(PassengerDirectives.table), "\(path) should end with:\n\(PassengerDirectives.table)")
    }
}
