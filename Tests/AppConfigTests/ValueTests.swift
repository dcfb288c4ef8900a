import Foundation
import Model
import Testing

@testable import AppConfig

@Suite("Values")
struct ValueTests {
    @Test(
        "Durations are a number of seconds or have a unit",
        arguments: [
            ("0", .zero), ("30", .seconds(30)), ("30s", .seconds(30)), ("500ms", .milliseconds(500)),
            ("10m", .seconds(600)),
            ("2h", .seconds(7200)), ("1d", .seconds(86400)), ("0.25", .milliseconds(250)),
            ("1.5 s", .milliseconds(1500)),
        ] as [(String, Duration)])
    func duration(text: String, expected: Duration) {
        #expect(ValueForm<Duration>.parseDuration(text) == expected)
    }

    @Test(
        "What is no duration is refused",
        arguments: [
            "", "s", ".", "1.2.3", "-1", "+1", "1e3", "nan", "inf", "0x10", "10 parsecs", "4000d", "9999999999999999d",
        ])
    func notADuration(text: String) {
        #expect(ValueForm<Duration>.parseDuration(text) == nil)
    }

    @Test(
        "Sizes are bytes or have a unit of 1024",
        arguments: [
            ("0", 0), ("1000", 1000), ("64KB", 65536), ("64k", 65536), ("1 MiB", 1 << 20), ("1GB", 1 << 30),
            ("1.5G", 3 << 29),
            ("2TB", 2 << 40),
        ])
    func size(text: String, expected: Int) {
        #expect(ValueForm<Int>.parseSize(text) == expected)
    }

    @Test("What is no size is refused", arguments: ["", "KB", "-1", "1EB", "99999999999TB", "1 000"])
    func notASize(text: String) {
        #expect(ValueForm<Int>.parseSize(text) == nil)
    }

    @Test("Every key's own example is a legal value of it", arguments: KeyTable.all.map(\.name))
    func examples(name: String) throws {
        let key = try #require(KeyTable.all.first { $0.name == name })
        // Some make sense only together.
        let pair = ["ssl_certificate: /c", "ssl_certificate_key: /k", "admin_tokens: /t"].filter {
            !$0.hasPrefix("\(name):")
        }
        let rest = name.hasPrefix("ssl") || name == "admin_port" ? pair : []
        let loaded = try load(([key.nestedExample] + rest).joined(separator: "\n"))
        #expect(loaded.origins[name]?.line == 1)
    }

    @Test(
        "A value of the wrong form is named with its place, what was expected, and an example",
        arguments: [
            ("port: abc", "1:7 'port' must be a whole number from 0 to 65535, not 'abc'. For example: port: 3000"),
            ("port: 70000", "1:7 'port' must be a whole number from 0 to 65535, not '70000'. For example: port: 3000"),
            ("port: [1]", "1:7 'port' must be a whole number from 0 to 65535, not a list. For example: port: 3000"),
            ("port:", "1:1 'port' has no value. Give it one, as in: port: 3000, or remove the line."),
            ("daemonize: maybe", "1:12 'daemonize' must be true or false, not 'maybe'. For example: daemonize: true"),
            (
                "start_timeout: soon",
                "1:16 'start_timeout' must be a duration of at least 1ms: 500ms, 30s, 10m, 2h, or a number of seconds, not 'soon'. "
                    + "For example: start_timeout: 90s"
            ),
            (
                "max_request_body: big",
                "1:19 'max_request_body' must be a size: 64KB, 1GB, or a number of bytes, not 'big'. "
                    + "For example: max_request_body: 1GB"
            ),
            (
                "stop_signal: KILL",
                "1:14 'stop_signal' must be a signal: TERM, INT, QUIT, HUP, USR1, USR2 or WINCH, not 'KILL'. "
                    + "For example: stop_signal: QUIT"
            ),
            (
                "startup_file: ../config.ru",
                "1:15 'startup_file' must be a path inside the app's directory, not '../config.ru'. "
                    + "For example: startup_file: config.ru"
            ),
            (
                "health:\n  expect: 700",
                "2:11 'health.expect' must be an HTTP status or a range of them, not '700'. "
                    + "For example: health: {expect: 200-399}"
            ),
            (
                "health:\n  path: up",
                "2:9 'health.path' must be a path that starts with '/', not 'up'. For example: health: {path: /up}"
            ),
            ("health: /up", "1:9 'health' must be a mapping, not '/up'"),
            (
                "envvars: [A]",
                "1:10 'envvars' must be a mapping of variable names to values, not a list. "
                    + "For example: envvars: {RAILS_LOG_LEVEL: warn}"
            ),
            (
                "envvars:\n  9x: 1",
                "2:3 'envvars': '9x' is not a legal name. For example: envvars: {RAILS_LOG_LEVEL: warn}"
            ),
            (
                "health:\n  headers:\n    X-A: \"1\\r\\nX-B: 2\"",
                "3:10 'health.headers': contains a control character. "
                    + "For example: health: {headers: {X-Forwarded-Proto: https}}"
            ),
            (
                "trusted_proxies:\n  - 10.0.0.0/8\n  - 10.0.0.1/33",
                "3:5 'trusted_proxies' must be a list of IP addresses or ranges, not '10.0.0.1/33'. "
                    + "For example: trusted_proxies: [127.0.0.1, 10.0.0.0/8]"
            ),
            (
                "deploy:\n  shared: [log, /etc]",
                "2:17 'deploy.shared' must be a list of paths inside the app, not '/etc'. "
                    + "For example: deploy: {shared: [log, storage]}"
            ),
            (
                "deploy:\n  auto_rollback:\n    error_points: 200",
                "3:19 'deploy.auto_rollback.error_points' must be a number from 0.0 to 100.0, not '200'. "
                    + "For example: deploy: {auto_rollback: {error_points: 5}}"
            ),
            (
                "instance_name: a/b",
                "1:16 'instance_name' must be a name of letters, digits, '.', '_' and '-', not 'a/b'. "
                    + "For example: instance_name: default"
            ),
            (
                "health: {interval: 0}",
                "1:20 'health.interval' must be a duration of at least 1ms: 500ms, 30s, 10m, 2h, or a number of seconds, "
                    + "not '0'. For example: health: {interval: 250ms}"
            ),
            (
                "deploy:\n  shared: .",
                "2:11 'deploy.shared' must be a list of paths inside the app, not '.'. "
                    + "For example: deploy: {shared: [log, storage]}"
            ),
            ("user: \"a\\0b\"", "1:7 'user': contains a NUL character. For example: user: blog"),
        ])
    func wrongForm(text: String, expected: String) {
        #expect(problems { try load(text) }.map(shown) == [expected])
    }

    @Test("Values reach their settings")
    func values() throws {
        let loaded = try load(
            """
            port: "4000"
            log_level: debug
            trusted_proxies: 127.0.0.1
            stop_signal: SIGQUIT
            server_names: [WWW.example.com]
            max_request_body: 2GB
            health: {path: /up, expect: 204, headers: {X-A: 1}, deadline: 5s}
            deploy:
              build: npm ci
              before_boot: [bin/migrate, "echo 'a, b'"]
              auto_rollback: {error_points: 2.5}
            """)
        #expect(loaded.server.listen == [.tcp(host: "127.0.0.1", port: 4000)])
        #expect(loaded.server.logLevel == 5)
        #expect(loaded.server.trustedProxies == ["127.0.0.1"])
        #expect(loaded.app.stopSignal == 3)
        #expect(loaded.app.serverNames == ["www.example.com"])
        #expect(loaded.app.http.maxRequestBody == 2 << 30)
        #expect(loaded.app.health.path == "/up")
        #expect(loaded.app.health.expectLow == 204 && loaded.app.health.expectHigh == 204)
        #expect(loaded.app.health.headers == ["X-A": "1"])
        #expect(loaded.app.health.deadline == .seconds(5))
        #expect(loaded.app.health.host == "www.example.com")
        #expect(loaded.app.deploy.build == ["npm ci"])
        #expect(loaded.app.deploy.beforeBoot == ["bin/migrate", "echo 'a, b'"])
        #expect(loaded.app.deploy.autoRollback.errorPoints == 2.5)
    }

    @Test("The starter Passengerfile is valid, and so it is with every comment taken off")
    func template() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("templates/Passengerfile.yml"), encoding: .utf8)
        #expect(try load(text).origins.isEmpty)
        let settings = text.split(separator: "\n").filter { line in
            line.hasPrefix("# ")
                && line.dropFirst(2).drop { $0 == " " }.prefix { $0 != ":" }.allSatisfy { $0.isLetter || $0 == "_" }
        }
        let loaded = try load(settings.map { $0.dropFirst(2) }.joined(separator: "\n"))
        #expect(loaded.origins.count == 58)
        #expect(loaded.warnings.isEmpty)
    }
}
