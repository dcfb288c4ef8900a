import AdminAPI
import AdminClient
import Foundation
import Glibc
import Linux
import Model
import Testing

/// The built program, as one user of it has it: its own runtime and state directories, commands, perhaps a server.
final class TestServer: @unchecked Sendable {
    let place: Place
    /// Served directory: an app, or a deploy root.
    let directory: String
    /// What `passenger start` is told to serve.
    private let served: [String]
    private(set) var program: Program?
    private(set) var port = 0

    init(_ directory: String, in place: Place) {
        self.directory = directory
        self.place = place
        served = [directory]
        // `current` is named after what it is of.
        name = String(directory.split(separator: "/").last { $0 != "current" } ?? "")
    }

    /// A server of many apps, by a server file.
    init(serverFile text: String, in place: Place) throws {
        directory = place.path
        self.place = place
        let path = "\(place.path)/passenger.yml"
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        served = ["--config", path]
        name = "default"
    }

    /// One that serves a copy of a sample app, which `preparing` may change before.
    static func serving(
        _ app: String, _ options: [String] = [], in place: Place, preparing: (String) throws -> Void = { _ in }
    ) throws -> TestServer {
        let directory = try place.copyApp(at: app, as: "app")
        try preparing(directory)
        AppUser.own(directory)
        let server = TestServer(directory, in: place)
        try server.start(options)
        try server.waitUntilServing()
        return server
    }

    /// A deploy root that serves version 1 of a sample app.
    static func deployed(
        _ language: Language, in place: Place, options: [String] = []
    ) throws -> (server: TestServer, repository: TestRepository) {
        let repository = try TestRepository(language, in: place)
        let server = TestServer(try place.makeAppDirectory("root"), in: place)
        let end = try server.run("deploy", "--root", server.directory, "--repo", repository.path)
        try #require(end.status == 0, "\(end.everything)")
        try server.start(options)
        try server.waitUntilServing(release: "1-")
        return (server, repository)
    }

    /// Whatever became of the test: servers, daemons and passing ones of this place too.
    deinit {
        for record in InstanceRegistry(directories: ["\(place.path)/run"]).instances() { kill(record.pid, SIGKILL) }
        if program?.hasEnded == false { program?.signal(SIGKILL) }
        _ = try? program?.wait(within: .seconds(15))
    }

    // MARK: Commands

    static var binary: String {
        let own = readLink("/proc/self/exe") ?? CommandLine.arguments[0]
        return own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/passenger"
    }

    var environment: [String: String] {
        var environment = ProcessInfo.plainEnvironment
        environment["PASSENGER_RUNTIME_DIR"] = "\(place.path)/run"
        environment["PASSENGER_STATE_DIR"] = "\(place.path)/state"
        for name in ["PASSENGER_APP_ENV", "RAILS_ENV", "RACK_ENV", "NODE_ENV", "NO_COLOR"] { environment[name] = nil }
        return environment
    }

    /// The path by which the program is called.
    var calledAs = TestServer.binary

    func begin(
        _ arguments: [String], adding variables: [String: String] = [:], behind wrapper: [String] = []
    ) throws -> Program {
        try Program(
            wrapper + [calledAs] + arguments, environment: environment.merging(variables) { $1 }, in: place)
    }

    /// Another program than this one, as another user.
    func begin(_ arguments: [String], as user: String, program: String) throws -> Program {
        try Program(
            OtherUsers.command(as: user, [program] + arguments), environment: ProcessInfo.plainEnvironment, in: place)
    }

    func run(_ arguments: String..., within limit: Duration = .seconds(180)) throws -> Program.End {
        try begin(arguments).wait(within: limit, "passenger \(arguments.joined(separator: " "))")
    }

    /// For the app that is served here.
    func command(_ verb: String, _ arguments: String...) throws -> Program.End {
        try begin([verb] + arguments + ["--root", directory]).wait(within: .seconds(180), "passenger \(verb)")
    }

    // MARK: The server

    /// In the foreground, on a port that the kernel chooses; returns when commands can find it. `descriptors` is
    /// how many each of its processes may have. When it `isManaged`, the program that is started is another, which starts it.
    func start(
        _ options: [String] = [], environment: String = "production", descriptors: Int? = nil,
        behind wrapper: [String] = [], port: Int = 0, isManaged: Bool = false, within limit: Duration = .seconds(60)
    ) throws {
        let flags = ["--port", "\(port)", "--address", "127.0.0.1", "--environment", environment]
        let program = try begin(
            ["start"] + served + flags + options,
            behind: wrapper + (descriptors.map { ["prlimit", "--nofile=\($0):\($0)"] } ?? []))
        self.program = program
        try eventually("the start of a server", within: limit, evidence: { program.log }) {
            if program.hasEnded {
                throw TimedOut(what: "the server ended: \(try program.wait())", evidence: program.log)
            }
            guard let record = self.instance(), isManaged || record.pid == program.pid else { return false }
            if options.contains("--socket-file") { return true }
            self.port = try #require(Int(record.listen[0].split(separator: ":").last ?? ""))
            return true
        }
    }

    var log: String { program?.log ?? "" }
    let name: String

    func instance() -> InstanceRecord? {
        guard let bytes = try? readFile("\(place.path)/run/\(name)/instance.json") else { return nil }
        return try? WireJSON.decode(InstanceRecord.self, from: bytes)
    }

    func status() throws -> StatusReport {
        let record = try #require(instance(), "\(log)")
        return try AdminClient(socketPath: record.adminSocket).status()
    }

    func appStatus() throws -> AppStatus { try #require(try status().apps.first) }

    /// Workers that take requests.
    func workers() throws -> [WorkerStatus] {
        try appStatus().generations.filter { $0.state == .live }.flatMap(\.workers).filter { $0.state == "available" }
    }

    var snapshotPath: String { "\(place.path)/run/\(name)/sockets/pool.json" }

    /// What is written is what is: the next thing that happens may be the end of the core.
    func waitForSnapshot() throws {
        struct Written: Decodable {
            struct Pool: Decodable { var apps: [App] }
            struct App: Decodable { var generations: [Generation] }
            struct Generation: Decodable {
                var number: UInt32
                var state: String
            }
            struct Worker: Decodable { var process: Process }
            struct Process: Decodable { var pid: Int32 }
            var pool: Pool
            var workers: [Worker]
        }
        try eventually("a snapshot of all workers", evidence: { [self] in log + text(of: snapshotPath) }) {
            let kept = try status().apps.flatMap(\.generations).filter { $0.state == .live || $0.state == .standby }
            guard !kept.isEmpty, let bytes = try? readFile(snapshotPath),
                let written = try? JSONDecoder().decode(Written.self, from: Data(bytes))
            else { return false }
            let states = Set(written.pool.apps.flatMap(\.generations).map { "\($0.number) \($0.state)" })
            let pids = Set(written.workers.map(\.process.pid))
            return kept.allSatisfy { states.contains("\($0.number.rawValue) \($0.state.rawValue)") }
                && kept.flatMap(\.workers).compactMap(\.pid).allSatisfy(pids.contains)
        }
    }

    func waitUntilServing(release: String? = nil, workers count: Int = 1) throws {
        try eventually("workers that serve", within: .seconds(90), evidence: { self.log }) {
            guard let app = try? appStatus(), try workers().count >= count else { return false }
            return app.operation == nil && release.map { app.liveRelease?.hasPrefix($0) ?? false } ?? true
        }
    }

    func get(_ path: String, host: String = "test") throws -> HTTPAnswer { try fetch(path, port: port, host: host) }

    func appStatus(_ name: String) throws -> AppStatus {
        try #require(try status().apps.first { $0.name.rawValue == name }, "\(log)")
    }

    /// What all clients get.
    func version() throws -> String { try get("/version").line }

    /// Ends the server in an orderly way; fails unless it exits with 0.
    func stop() throws {
        let program = try #require(program)
        program.signal(SIGTERM)
        let end = try program.wait(within: .seconds(120), "the end of the server after SIGTERM")
        #expect(end.status == 0, "\(end.everything)")
    }
}
