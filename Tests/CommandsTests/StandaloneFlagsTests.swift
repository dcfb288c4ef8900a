import Model
import Testing

@testable import AppConfig
@testable import Commands

/// Flags of Passenger Standalone's `start`.
struct StandaloneFlagsTests {
    private func arguments(_ words: String...) -> [String] { StandaloneFlags(words).arguments }

    @Test func `what has another name here gets it`() {
        #expect(arguments("--socket", "/run/x.sock", "dir") == ["--socket-file", "/run/x.sock", "dir"])
        #expect(arguments("--socket=/run/x.sock") == ["--socket-file", "/run/x.sock"])
        #expect(arguments("-R", "my.ru") == ["--app-type", "rack", "--startup-file", "my.ru"])
        #expect(arguments("--disable-turbocaching", "--no-install-runtime", "-d") == ["--no-turbocaching", "-d"])
        #expect(
            arguments("--unlimited-concurrency-path", "/a", "-d", "--unlimited-concurrency-path=/b")
                == ["--unlimited-concurrency-paths", "[\"/a\", \"/b\"]", "-d"])
        #expect(
            arguments("--envvar", "A=b=\"c\"", "--envvar", "B=") == [
                "--envvars", "{\"A\": \"b=\\\"c\\\"\", \"B\": \"\"}",
            ])
    }

    @Test func `what nothing here needs is told by its key, and takes its value along`() {
        let flags = StandaloneFlags([
            "--engine", "builtin", "--auto", "--ctl", "x=y", "--nginx-version=1.2", "-p", "80", "app",
        ])
        #expect(flags.arguments == ["-p", "80", "app"])
        #expect(flags.unsupported == ["engine": "builtin", "auto": "true", "ctls": "x=y", "nginx_version": "1.2"])
        for name in flags.unsupported.keys { #expect(KeyTable.isUnsupported(flatName: name), "\(name)") }
    }

    @Test(arguments: [
        ["--port", "80", "--environment", "production", "dir"], ["--engine"], ["--socket"], ["--envvar", "A"],
        ["--unknown", "x"],
        ["--runtime-check-only"], ["--", "--engine", "x"], [],
    ])
    func `everything else stays as it is`(_ words: [String]) {
        let flags = StandaloneFlags(words)
        #expect(flags.unsupported.isEmpty)
        if words != ["--engine"], words != ["--socket"], words != ["--envvar", "A"] {
            #expect(flags.arguments == words)
        }
    }

    /// As the configuration reads them.
    @Test func `paths and variables arrive`() throws {
        let flags = StandaloneFlags([
            "--envvar", "A=b, c: {d}", "--unlimited-concurrency-path", "/cable", "--engine", "builtin",
        ])
        var extraction = try FlagExtraction(flags.arguments)
        extraction.flags.merge(flags.unsupported) { own, _ in own }
        #expect(extraction.rest.isEmpty)
        let loaded = try ConfigLoader(workingDirectory: "/").loadServer(
            arguments: extraction.flags, environment: ["HOME": "/"], directory: SourceTree.path + "/Tests/apps/ruby",
            serverFile: nil)
        let app = try #require(loaded.apps.first).settings
        #expect(app.variables == ["A": "b, c: {d}"] && app.http.unlimitedConcurrencyPaths == ["/cable"])
        #expect(loaded.warnings.contains { $0.message.contains("engine") }, "\(loaded.warnings)")
    }
}
