import AdminAPI
import Testing

@testable import Commands

struct StartArgumentsTests {
    @Test(
        arguments: [
            ([], nil, [:]),
            (["/srv/blog"], "/srv/blog", [:]),
            (["--port", "80", "dir"], "dir", ["port": "80"]),
            (["dir", "--health-path=/up?a=b", "-d"], "dir", ["health-path": "/up?a=b", "daemonize": "true"]),
            (["-p80", "-e", "staging"], nil, ["port": "80", "environment": "staging"]),
            (["--daemonize", "dir"], "dir", ["daemonize": "true"]),
            (["--no-request-buffering"], nil, ["request-buffering": "false"]),
            (["--app-start-command", "--odd"], nil, ["app-start-command": "--odd"]),
            (["--", "--dir"], "--dir", [:]),
        ] as [([String], String?, [String: String])])
    func `Flags and directory are told apart`(
        _ arguments: [String], _ directory: String?, _ flags: [String: String]
    ) throws {
        let start = try StartArguments(arguments)
        #expect(start.directory == directory)
        #expect(start.flags == flags)
    }

    @Test(arguments: [["a", "b"], ["--port"], ["-x"], ["--=5"]])
    func `What cannot be meant is a mistake in usage`(_ arguments: [String]) {
        #expect { try StartArguments(arguments) } throws: { ($0 as? ControlError)?.code == .usage }
    }
}

struct TimeSpanTests {
    @Test(
        arguments: [
            ("60s", .seconds(60)), ("5", .seconds(5)), ("500ms", .milliseconds(500)), ("1.5m", .seconds(90)),
            ("2h", .seconds(7200)), ("0", .zero),
        ] as [(String, Duration)])
    func `Spans are read as in the configuration`(_ text: String, _ duration: Duration) {
        #expect(TimeSpan(argument: text)?.duration == duration)
    }

    @Test(arguments: ["", "s", "-1s", "1d", "1 s", "1e3", "nan", "1.2.3s", "９s"])
    func `Anything else is not`(_ text: String) {
        #expect(TimeSpan(argument: text) == nil)
    }
}
