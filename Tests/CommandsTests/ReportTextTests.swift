import AdminAPI
import Model
import Terminal
import Testing

@testable import Commands

struct ReportTextTests {
    @Test func `Status shows generations, workers, the operation and the last failure`() {
        var app = AppStatus(
            name: AppName("blog")!, root: "/srv/blog", mode: .deployRoot, kind: .rack, environment: "production")
        app.liveRelease = "42-9be0d13"
        app.queue = QueueStatus(length: 3, max: 100)
        app.generations = [
            GenerationStatus(
                number: GenerationNumber(7), release: "42-9be0d13", state: .live,
                workers: [
                    WorkerStatus(
                        number: WorkerNumber(12), pid: 345, state: "ready", requestsNow: 1, requestsTotal: 99,
                        ageSeconds: 61)
                ])
        ]
        let memory = MemoryStatus(
            privateBytes: 120 << 20, swapBytes: 3 << 20, sharedBytes: 80 << 20, pssBytes: 150 << 20, processes: 2,
            isExact: true)
        app.generations[0].workers[0].memory = memory
        app.generations[0].memory = memory
        app.generations[0].controlGroup = ControlGroupStatus(path: "/g", memoryBytes: 200 << 20, cpuSeconds: 1)
        app.operation = OperationStatus(
            operation: OperationID(.deploy, 43), kind: .deploy, deploy: DeployNumber(43), step: "build",
            since: WallTime(millisecondsSince1970: 0), by: "ann")
        app.lastFailure = FailureReport(step: "load_app", summary: "SyntaxError", outputTail: ["boom"], hint: "mend it")
        var server = ServerStatus(
            instance: "default", version: "1.0", supervisorPid: 1, corePid: 2,
            startedAt: WallTime(millisecondsSince1970: 0), uptimeSeconds: 90, listeners: ["0.0.0.0:80"])
        server.controlGroups = "control groups below /g"
        let lines = StatusText(traits: .plain).lines(StatusReport(server: server, apps: [app]))
        #expect(
            lines == [
                "default: passenger 1.0, up 1 m 30 s, pid 1, core 2", "listening on 0.0.0.0:80",
                "control groups below /g", "",
                "blog: /srv/blog (rack, production)", "  live: 42-9be0d13",
                "  requests: 1 in progress, 3 waiting (of 100)",
                "  deploy 43 is running: build, since 1970-01-01T00:00:00.000Z, by ann",
                "  g7  42-9be0d13  live  1 of 1 worker",
                "    WORKER  PID  STATE  NOW  SERVED       AGE  PRIVATE  SHARED",
                "    w12     345  ready    1      99  1 m 01 s   123 MB   80 MB",
                "    memory: 120 MB private, 3.0 MB swapped out, 150 MB in all, 200 MB with its files",
                "  error: last failure", "    step: load_app", "    SyntaxError", "    last output:", "      boom",
                "    hint: mend it",
            ])
    }

    @Test func `Status says why an app is not served, and nothing that it has not got`() {
        var app = AppStatus(
            name: AppName("shop")!, root: "/srv/shop", mode: .inPlace, kind: nil, environment: AppStatus.notServed)
        app.lastFailure = FailureReport(step: "configuration", summary: "/srv/shop is no directory")
        var server = ServerStatus(
            instance: "default", version: "1.0", supervisorPid: 1, corePid: 2,
            startedAt: WallTime(millisecondsSince1970: 0), uptimeSeconds: 90, listeners: ["0.0.0.0:80"])
        server.adminAddress = "http://127.0.0.1:3200"
        #expect(
            StatusText(traits: .plain).lines(StatusReport(server: server, apps: [app])).dropFirst(2) == [
                "admin API and dashboard at http://127.0.0.1:3200", "", "shop: /srv/shop",
                "  not served: /srv/shop is no directory", "  hint: mend it, and then: passenger reload",
            ])
    }

    @Test func `What is watched keeps its first line in sight, however long lines are`() {
        let screen = WatchScreen(rows: 5, columns: 10)
        let long = String(repeating: "x", count: 25)
        let frame = screen.frame("first\n\u{1B}[1m\(long)\u{1B}[0m\nlast\n")
        #expect(frame == "\u{1B}[Hfirst\u{1B}[K\r\n\u{1B}[1m\(long)\u{1B}[0m\u{1B}[K\u{1B}[J")
        #expect(screen.frame("a\nb\n\(long)") == "\u{1B}[Ha\u{1B}[K\r\nb\u{1B}[K\u{1B}[J")
        #expect(screen.frame("a\nb\nc\nd\ne").contains("d") && !screen.frame("a\nb\nc\nd\ne").contains("e"))
        #expect(WatchScreen(rows: 0, columns: 0).frame("a").contains("a"))
    }

    @Test func `Status shows companions, and which of them keeps ending`() {
        var app = AppStatus(
            name: AppName("blog")!, root: "/srv/blog", mode: .inPlace, kind: .rack, environment: "production")
        app.companions = [
            CompanionStatus(
                name: "clock.1", release: nil, pid: 345, state: "running", restarts: 0, ageSeconds: 61, isFailing: false
            ),
            CompanionStatus(
                name: "worker.1", release: nil, pid: nil, state: "waiting", restarts: 4, ageSeconds: 0, isFailing: true,
                lastError: "exit status 1: boom\u{1B}[2J"),
        ]
        let server = ServerStatus(
            instance: "default", version: "1.0", supervisorPid: 1, corePid: 2,
            startedAt: WallTime(millisecondsSince1970: 0), uptimeSeconds: 90, listeners: ["0.0.0.0:80"])
        let lines = StatusText(traits: .plain).lines(StatusReport(server: server, apps: [app]))
        #expect(
            lines.suffix(3) == [
                "  COMPANION  RELEASE  PID  STATE                  RESTARTS       AGE  LAST END",
                "  clock.1    -        345  running                       0  1 m 01 s",
                "  worker.1   -          -  waiting, keeps ending         4      0 ms  exit status 1: boom",
            ])
    }

    @Test func `Status tells what boots and what is waited for, within 80 columns`() {
        var app = AppStatus(
            name: AppName("blog")!, root: "/srv/blog", mode: .deployRoot, kind: .rack, environment: "production")
        func worker(_ number: UInt32, _ state: String) -> WorkerStatus {
            WorkerStatus(
                number: WorkerNumber(number), pid: 4_194_304, state: state, requestsNow: 12, requestsTotal: 123_456_789,
                ageSeconds: 360_000)
        }
        var booting = worker(124, "loading")
        booting.step = "load_app"
        booting.lastError = "the app raised"
        booting.memory = MemoryStatus(
            privateBytes: 120 << 20, swapBytes: 0, sharedBytes: 80 << 20, pssBytes: 1, processes: 1, isExact: true)
        var old = GenerationStatus(
            number: GenerationNumber(6), release: "41-1234567", state: .draining, workers: [worker(9, "draining")])
        old.drain = DrainStatus(requests: 1, streams: 2, requestsEndInSeconds: 540, streamsEndInSeconds: 61.4)
        let new = GenerationStatus(
            number: GenerationNumber(7), release: "42-9be0d13", state: .booting, target: 2,
            workers: [worker(123, "available"), booting])
        app.generations = [old, new]
        let server = ServerStatus(
            instance: "default", version: "1.0", supervisorPid: 1, corePid: 2,
            startedAt: WallTime(millisecondsSince1970: 0), uptimeSeconds: 90, listeners: ["0.0.0.0:80"])
        let traits = TerminalTraits(isLive: true, hasColour: false, hasUnicode: true, columns: 80)
        let lines = StatusText(traits: traits).lines(StatusReport(server: server, apps: [app]))
        #expect(lines.contains("  g6  41-1234567  draining  0 of 0 workers"), "\(lines)")
        #expect(lines.contains("    waits for 1 request (cut in 9 m 00 s), 2 streams (closed in 1 m 01 s)"), "\(lines)")
        #expect(lines.contains("  g7  42-9be0d13  booting  1 of 2 workers"), "\(lines)")
        #expect(lines.contains { $0.hasPrefix("    w124    4194304  loading: load_app") }, "\(lines)")
        #expect(lines.count { $0 == "    last error: the app raised" } == 1, "\(lines)")
        #expect(lines.allSatisfy { $0.count <= 80 } && lines.contains { $0.hasSuffix("120 MB   80 MB") }, "\(lines)")
    }

    @Test func `Every event that a person should see becomes a step`() {
        #expect(StepEvent(.stepStarted(step: "build", title: nil)) == .started(title: "build"))
        #expect(StepEvent(.stepStarted(step: "build", title: "npm ci")) == .started(title: "npm ci"))
        #expect(StepEvent(.output(step: "build", line: "x")) == .output(line: "x"))
        #expect(StepEvent(.unknown(event: "later")) == nil)
        let switched = StepEvent(.switched(release: "42-a", milliseconds: 0.25))
        #expect(switched == .note(StyledText("switched to 42-a in 0.3 ms", .strong)))
    }

    @Test func `Settings are listed under the names of the configuration`() {
        var settings = AppSettings(name: AppName("blog")!, directory: "/srv/blog", kind: .rack)
        settings.variables = ["SECRET": "hunter2"]
        let values = Dictionary(SettingsList(of: settings).values, uniquingKeysWith: { $1 })
        #expect(values["max_pool_size"] == "6")
        #expect(values["health.interval"] == "250 ms")
        #expect(values["deploy.keep_releases"] == "5")
        #expect(values["startup_file"] == "-")
        #expect(values["kind"] == "rack")
        #expect(values["variables"] == "{SECRET}")
        #expect(values["name"] == "blog")
    }

    @Test func `Exit statuses are those of the specification`() {
        #expect(
            ErrorCode.allCases.allSatisfy { (1...6).contains($0.exitStatus) && (400...599).contains($0.httpStatus) })
        #expect(OperationOutcome.rolledBack.exitStatus == 5)
        #expect(OperationOutcome.pending.exitStatus == 0)
        #expect(OperationOutcome.failed.exitStatus == 1)
    }
}
