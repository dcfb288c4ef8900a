import AdminAPI
import AdminClient
import Foundation
import Model
import Testing

struct RemoteTests {
    private let accepted = OperationAccepted(
        app: AppName("blog")!, operation: OperationID(.deploy, 8), deploy: DeployNumber(8))

    private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

    @Test(arguments: [
        "-oProxyCommand=id", "a@-oProxyCommand=id", "-a@host", "", "a b", "a@b@c", "host;id", "h$(id)", "@host", "a@",
        "ssh://-oX@h", "host\nProxyCommand id",
    ])
    func `What ssh could take for something else is no host`(_ text: String) {
        #expect(throws: ControlError.self) { try RemoteHost(text) }
    }

    @Test(arguments: ["web1", "deploy@web1.example.com", "ssh://deploy@web1:2222", "deploy@[::1]"])
    func `Hosts are given to ssh as they are, after a --`(_ text: String) throws {
        let arguments = try RemoteHost(text).arguments(["passenger", "deploy", "it's"])
        #expect(arguments.first == "ssh")
        #expect(arguments.suffix(3) == ["--", text, #"passenger deploy 'it'\''s'"#])
        #expect(!arguments.contains { $0.lowercased().contains("stricthostkeychecking") })
    }

    @Test func `A shell takes quoted words apart as they were, and so do we`() async throws {
        let words = [
            "passenger", "", "it's", "a b", "$(id)", "`id`", "a\"b", "\\", "*", "~", "a;b", "-x", "ü", "new\nline", "#",
            "!x",
            "a'b'c", "'", "''",
        ]
        let line = ShellWords.quoted(words)
        #expect(ShellWords.split(line) == words)
        let bytes = try await blocking {
            let shell = Process()
            let output = Pipe()
            shell.executableURL = URL(filePath: "/bin/sh")
            shell.arguments = ["-c", "printf '%s\\0' \(line)"]
            shell.standardOutput = output
            try shell.run()
            defer { shell.waitUntilExit() }
            return output.fileHandleForReading.readDataToEndOfFile()
        }
        #expect(
            bytes.split(separator: 0, omittingEmptySubsequences: false).dropLast().map {
                String(decoding: $0, as: UTF8.self)
            } == words)
    }

    @Test(arguments: [
        ("a  b\tc", ["a", "b", "c"]), (#"a\ b "c d" 'e f'"#, ["a b", "c d", "e f"]), (#""a\"b\c""#, [#"a"b\c"#]),
        ("", []), ("''", [""]), ("a'b'\"c\"", ["abc"]),
    ])
    func `Words are taken apart as by a shell`(_ line: String, _ words: [String]) {
        #expect(ShellWords.split(line) == words)
    }

    @Test(arguments: [
        "a; b", "a && b", "a | b", "$(a)", "`a`", "\"$a\"", "a > b", "a < b", "*", "a &", "'a", "\"a", "a\\", "a\nb",
        "~/a", "{a,b}",
        "#a", "!a", "\"`a`\"", "a[b]", "a?",
    ])
    func `What a shell would do more with is refused`(_ line: String) {
        #expect(ShellWords.split(line) == nil)
    }

    @Test func `After a lost connection only what is new is shown`() {
        var progress = Reattachment(at: at(0))
        #expect(progress.begins(accepted, at: at(1)) == true)
        #expect(progress.isNew(.stepStarted(step: "fetch"), at: at(1)) == true)
        #expect(progress.isNew(.stepFinished(step: "fetch", seconds: 1), at: at(2)) == true)
        #expect(progress.connectionLost(at: at(3)) == .attach(accepted, after: .seconds(1)))
        #expect(progress.connectionLost(at: at(5)) == .attach(accepted, after: .seconds(2)))
        #expect(progress.begins(accepted, at: at(7)) == false)
        #expect(progress.isNew(.stepStarted(step: "fetch"), at: at(7)) == false)
        #expect(progress.isNew(.stepFinished(step: "fetch", seconds: 1), at: at(7)) == false)
        #expect(progress.isNew(.stepStarted(step: "build"), at: at(7)) == true)
        #expect(progress.connectionLost(at: at(8)) == .attach(accepted, after: .seconds(1)))
        #expect(progress.begins(accepted, at: at(9)) == false)
        #expect(progress.isNew(.skipped(events: 3), at: at(9)) == false)
        #expect(progress.isNew(.output(step: "build", line: "x"), at: at(9)) == true)
    }

    @Test func `The events of another core's operation are all new, and an end is told whatever was counted`() {
        var progress = Reattachment(at: at(0))
        _ = progress.begins(accepted, at: at(0))
        for _ in 0..<5 { _ = progress.isNew(.output(step: "build", line: "x"), at: at(0)) }
        #expect(progress.begins(accepted, at: at(1)) == false)
        #expect(progress.isNew(.finished(OperationResult(.stable)), at: at(1)) == true)
        let resumed = OperationAccepted(app: accepted.app, operation: OperationID(.deploy, 1), deploy: accepted.deploy)
        #expect(progress.begins(resumed, at: at(2)) == false)
        #expect(progress.isNew(.stepStarted(step: "boot"), at: at(2)) == true)
    }

    @Test func `Pauses grow, and a host that is away for too long is given up`() {
        var progress = Reattachment(at: at(0))
        #expect(progress.connectionLost(at: at(1)) == .giveUp)
        _ = progress.begins(accepted, at: at(1))
        var pauses: [Duration] = []
        var now = 1.0
        while case .attach(_, let pause) = progress.connectionLost(at: at(now)) {
            pauses.append(pause)
            now += pause.inSeconds + 1
        }
        #expect(
            pauses.prefix(7) == [
                .seconds(1), .seconds(2), .seconds(4), .seconds(8), .seconds(16), .seconds(30), .seconds(30),
            ])
        #expect((600...640).contains(now))
    }
}
