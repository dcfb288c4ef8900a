import Foundation
import Model
import Testing

@testable import AppConfig

@Suite("Processes beside the app")
struct ProcessesTests {
    @Test("A command alone has defaults, settings change them, order is kept")
    func forms() throws {
        let loaded = try load(
            """
            processes:
              worker: {command: bundle exec sidekiq, quiet_signal: TSTP, stop_signal: sigint, stop_timeout: 25s, instances: 2}
              clock: ruby clock.rb
            """)
        var worker = CompanionSettings(name: "worker", command: "bundle exec sidekiq")
        (worker.instances, worker.stopSignal, worker.stopTimeout, worker.quietSignal) = (2, 2, .seconds(25), 20)
        let clock = CompanionSettings(name: "clock", command: "ruby clock.rb")
        #expect(clock.stopSignal == 15 && clock.stopTimeout == .seconds(60) && clock.instances == 1)
        #expect(loaded.app.processes == [worker, clock])
        #expect(loaded.warnings.isEmpty)
    }

    @Test("The operator's word replaces that of the app, name by name; a flag may name one, or a Procfile")
    func layers() throws {
        let text = "processes: {worker: old, clock: tick}"
        let loaded = try load(text, environment: ["PASSENGER_PROCESSES": "worker=new --with a=b"])
        #expect(loaded.app.processes.map(\.description) == ["worker: new --with a=b", "clock: tick"])
        let tree = try TemporaryTree(["config.ru": "", "Procfile": "web: x\nmailer: mail\n"])
        #expect(try load(tree, flags: ["processes": "Procfile"]).app.processes.map(\.description) == ["mailer: mail"])
        let off = try load(tree, flags: ["processes": "{mailer: {command: x, instances: 0}}"])
        #expect(off.app.processes.map(\.instances) == [0])
    }

    @Test("A Procfile is read when it is named; web and release are not companions; what is named goes first")
    func procfile() throws {
        let procfile = "# all of it\nweb: puma\nrelease: rake db:migrate\n\nworker:   sidekiq -c 5  \r\nclock:tick\n"
        let tree = try TemporaryTree(["config.ru": "", "Procfile": procfile])
        #expect(try load(tree).app.processes.isEmpty)
        try tree.write("Passengerfile.yml", "processes: Procfile")
        #expect(try load(tree).app.processes.map(\.description) == ["worker: sidekiq -c 5", "clock: tick"])
        let loaded = try load(tree, flags: ["processes": "{clock: {command: tock, stop_timeout: 1}}"])
        #expect(loaded.app.processes.map(\.description) == ["clock: tock", "worker: sidekiq -c 5"])
    }

    @Test("In a deploy root the Procfile is the release's own")
    func release() throws {
        let tree = try TemporaryTree([
            "root/Passengerfile.yml": "processes: Procfile", "root/Procfile": "worker: wrong",
            "root/releases/1-a/config.ru": "", "root/releases/1-a/Procfile": "worker: right",
        ])
        let request = InspectRequest(directory: tree["root/releases/1-a"], root: tree["root"], workingDirectory: "/")
        #expect(try ConfigLoader().loadApp(request).settings.processes.map(\.command) == ["right"])
    }

    @Test(
        "What is wrong is named with its place",
        arguments: [
            (
                "processes: [a]",
                "1:12 'processes' must be a mapping of names to commands, or a Procfile inside the app's directory, not a list"
            ),
            (
                "processes: ../Procfile",
                "1:12 'processes' must be a mapping of names to commands, or a Procfile inside the app's directory, "
                    + "not '../Procfile'"
            ),
            (
                "processes:\n  web: puma",
                "2:3 'processes': 'web' is the app itself; 'app_start_command' says how it is started"
            ),
            (
                "processes:\n  a b: x",
                "2:3 'processes': 'a b' is not a name of letters, digits, '_' and '-'"
            ),
            ("processes:\n  worker:", "2:3 'processes': 'worker' has no command"),
            ("processes:\n  worker: [a]", "2:11 'processes': a list is not a command"),
            ("processes:\n  worker: ' '", "2:11 'processes': a command is empty"),
            ("processes:\n  worker: {stop_signal: TERM}", "2:3 'processes': 'worker' has no command"),
            (
                "processes:\n  worker: {comand: x}",
                "2:12 'processes': 'comand' is none of command, instances, stop_signal, stop_timeout and quiet_signal"
            ),
            (
                "processes:\n  worker:\n    command: x\n    stop_signal: KILL",
                "4:18 'processes': stop_signal must be a signal: TERM, INT, QUIT, HUP, USR1, USR2 or WINCH, not 'KILL'"
            ),
            (
                "processes:\n  worker: {command: x, quiet_signal: TERM}",
                "2:38 'processes': quiet_signal must be a signal: TSTP, TTIN, TTOU, INT, QUIT, HUP, USR1, USR2 or WINCH, "
                    + "not 'TERM'"
            ),
            (
                "processes:\n  worker: {command: x, stop_timeout: soon}",
                "2:38 'processes': stop_timeout must be a duration: 500ms, 30s, 10m, 2h, or a number of seconds, not 'soon'"
            ),
            (
                "processes:\n  worker: {command: x, instances: 101}",
                "2:35 'processes': instances must be a whole number from 0 to 100, not '101'"
            ),
        ])
    func wrong(text: String, expected: String) {
        #expect(problems { try load(text) }.map { shown($0).components(separatedBy: ". For example")[0] } == [expected])
    }

    @Test("All instances together are bounded")
    func most() {
        let text = "processes:\n  a: {command: x, instances: 60}\n  b: {command: x, instances: 60}"
        let expected = "1:1 'processes' asks for 120 processes; an app may have 100"
        #expect(problems { try load(text) }.map(shown) == [expected])
    }

    @Test("A Procfile's own mistakes are placed in it, and none of its text is shown")
    func wrongProcfile() throws {
        let text = "worker: a\nworker: b\nsecret\nclock:\n-x: y\n"
        let tree = try TemporaryTree(["config.ru": "", "Procfile": text, "Passengerfile.yml": "processes: Procfile"])
        let found = problems { try load(tree) }
        #expect(found.map(\.file) == Array(repeating: tree["Procfile"], count: 4))
        #expect(
            found.map { "\($0.line ?? 0):\($0.column ?? 0) \($0.message)" } == [
                "2:1 'worker' given more than once", "3:1 not of the form 'name: command'",
                "4:1 'clock' has no command",
                "5:1 not of the form 'name: command'",
            ])
        let missing = try TemporaryTree(["config.ru": "", "Passengerfile.yml": "processes: Procfile"])
        let expected = "1:1 'processes' names \(missing["Procfile"]), which does not exist"
        #expect(problems { try load(missing) }.map(shown) == [expected])
    }
}
