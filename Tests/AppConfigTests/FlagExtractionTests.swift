import Testing

@testable import AppConfig

@Suite("Flags of commands")
struct FlagExtractionTests {
    @Test("Keys are taken out, the rest is left in order")
    func extraction() throws {
        let found = try FlagExtraction(
            ["start", "--port", "80", "--health-path=/up", "--json", "-d", "DIR", "-p", "81", "--", "--port", "9"],
            short: ["p": "port", "d": "daemonize"])
        #expect(found.flags == ["port": "81", "health_path": "/up", "daemonize": "true"])
        #expect(found.rest == ["start", "--json", "DIR", "--", "--port", "9"])
    }

    @Test("True and false need no value")
    func toggles() throws {
        let found = try FlagExtraction([
            "--daemonize", "--no-show-version-in-header", "--friendly-error-pages=false", "--no-port",
        ])
        #expect(
            found.flags == ["daemonize": "true", "show_version_in_header": "false", "friendly_error_pages": "false"])
        #expect(found.rest == ["--no-port"])
    }

    @Test("A command's own flags are left to it")
    func reserved() throws {
        let found = try FlagExtraction(["--user", "--bake", "5s"], reserved: ["user"])
        #expect(found.flags == ["deploy_bake": "5s"])
        #expect(found.rest == ["--user"])
    }

    @Test("A flag at the end without its value is refused")
    func missing() {
        #expect(
            problems { try FlagExtraction(["--port"]) }.map(\.description)
                == ["--port: needs a value. For example: --port 3000"])
    }
}
