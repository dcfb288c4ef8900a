import Glibc
import Linux
import Model
import Pool
import Testing

@testable import Spawning

@Suite("A launch plan")
struct WorkerLaunchTests {
    private func launch(
        _ kind: AppKind, worker: WorkerNumber? = WorkerNumber(12), release: ReleaseLabel? = nil, port: Int? = nil,
        socketPath: String? = nil,
        _ adjust: (inout AppSettings) -> Void = { _ in }
    ) -> WorkerLaunch {
        var settings = AppSettings(name: AppName(sanitizing: "blog"), directory: #"/srv/a "b""#, kind: kind)
        adjust(&settings)
        return WorkerLaunch(
            worker: worker, generation: GenerationNumber(7),
            spec: GenerationSpec(app: settings.name, settings: settings, release: release, workers: 1),
            environment: ["PATH=/bin", "X=1"], loaders: "/lib/loaders", openFiles: (1024, 4096), bootNiceness: 10,
            port: port,
            socketPath: socketPath)
    }

    @Test(
        "has the loader of its language and describes the worker to it",
        arguments: [
            (AppKind.rack, ["ruby", "/lib/loaders/ruby/rack_loader.rb"]),
            (.wsgi, ["python3", "/lib/loaders/python/wsgi_loader.py"]),
            (.asgi, ["python3", "/lib/loaders/python/asgi_loader.py"]),
            (.node, ["node", "/lib/loaders/node/node_loader.js"]),
        ])
    func loaders(_ kind: AppKind, _ arguments: [String]) throws {
        let launch = launch(kind) { $0.startupFile = "start" }
        #expect(launch.plan.arguments == arguments && launch.usesHandshake)
        #expect(launch.plan.directory == #"/srv/a "b""#)
        let prefix = "_PASSENGER_WORKER="
        let text = try #require(launch.plan.environment.first { $0.hasPrefix(prefix) }).dropFirst(prefix.count)
        let fields = try #require(FlatJSON.parse(Array(text.utf8)))
        #expect(fields["listener"] == .integer(3) && fields["handshake"] == .integer(4))
        #expect(fields["directory"] == .string(#"/srv/a "b""#) && fields["startup_file"] == .string("start"))
        #expect(fields["worker"] == .integer(12) && fields["generation"] == .integer(7))
        #expect(fields["release"] == .null && fields["stop_signal"] == .string("TERM"))
    }

    @Test("tells a worker with threads how many, and when to give a request up; one without has one")
    func threads() throws {
        func fields(_ adjust: (inout AppSettings) -> Void) throws -> [String: FlatJSON.Value] {
            let variables = launch(.wsgi, adjust).plan.environment
            let text = try #require(variables.first { $0.hasPrefix("_PASSENGER_WORKER=") }).drop { $0 != "{" }
            return try #require(FlatJSON.parse(Array(text.utf8)))
        }
        let threaded = try fields {
            $0.pool.concurrencyModel = .thread
            $0.pool.threadCount = 5
            $0.http.maxRequestTime = .seconds(30)
        }
        // Later than the gateway, whose 504 says more than a closed connection.
        #expect(threaded["threads"] == .integer(5) && threaded["abort_after_ms"] == .integer(32_000))
        let single = try fields { $0.pool.threadCount = 5 }
        #expect(single["threads"] == .integer(1) && single["abort_after_ms"] == .null)
    }

    @Test("of a preloader names its control socket and the owner pipe, and no listener")
    func preloader() throws {
        let launch = launch(.rack, worker: nil) { $0.preloadBundler = true }
        #expect(launch.plan.arguments == ["ruby", "-rbundler/setup", "/lib/loaders/ruby/rack_loader.rb"])
        let prefix = "_PASSENGER_WORKER="
        let text = try #require(launch.plan.environment.first { $0.hasPrefix(prefix) }).dropFirst(prefix.count)
        let fields = try #require(FlatJSON.parse(Array(text.utf8)))
        #expect(fields["control"] == .integer(5) && fields["owner"] == .integer(6))
        #expect(fields["handshake"] == .integer(4) && fields["listener"] == nil && fields["worker"] == nil)
    }

    @Test("tells the app which release it is, only when it is one")
    func release() {
        let label = ReleaseLabel(number: DeployNumber(42), name: "42-9be0d13", revision: "9be0d13")
        let variables = launch(.rack, release: label).plan.environment
        #expect(variables.contains("PASSENGER_RELEASE=42-9be0d13") && variables.contains("PASSENGER_REVISION=9be0d13"))
        #expect(!launch(.rack).plan.environment.contains { $0.hasPrefix("PASSENGER_RELEASE") })
    }

    @Test("of a site without code is this program, and names the directory of its files")
    func site() {
        let launch = launch(.static) { $0.http.files.staticFilesDirectory = "dist" }
        #expect(launch.plan.arguments == ["passenger", "_static-app", "dist"] && launch.usesHandshake)
        #expect(launch.plan.programDescriptor == ToolProcess.programTarget)
        #expect(self.launch(.node).plan.programDescriptor == nil)
    }

    @Test("offers a generic app three ways to listen, and no loader's variable")
    func generic() {
        let launch = launch(.generic, port: 4000, socketPath: "/s") { $0.startCommand = "./serve --now" }
        #expect(launch.plan.arguments == ["/bin/sh", "-c", "exec ./serve --now"] && !launch.usesHandshake)
        let variables = launch.plan.environment
        #expect(variables.contains("PORT=4000") && variables.contains("PASSENGER_SOCKET=/s"))
        #expect(variables.contains("LISTEN_FDS=1") && launch.plan.setsListenPid)
        #expect(!variables.contains { $0.hasPrefix("_PASSENGER_WORKER") })
    }

    @Test("gives the app the open-file limit that the server was started with")
    func limits() {
        let limit = launch(.rack).plan.limits.first
        #expect(limit?.resource == Int32(RLIMIT_NOFILE.rawValue) && limit?.soft == 1024 && limit?.hard == 4096)
    }
}

@Suite("Listening sockets in /proc")
struct ListeningSocketsTests {
    @Test("a line of /proc/net/tcp says port, owner and inode; other states are left out")
    func parses() {
        let listening =
            "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 45678 1 0000 100 0"
        #expect(ListeningSockets.parse(Array(listening.utf8)[...]) == .init(port: 8080, inode: 45678, uid: 1000))
        let established = listening.replacing(" 0A ", with: " 01 ")
        #expect(ListeningSockets.parse(Array(established.utf8)[...]) == nil)
        #expect(ListeningSockets.parse(Array("garbage".utf8)[...]) == nil)
    }

    @Test("finds the listeners of a process, with ever so many connections beside them")
    func finds() throws {
        let listeners = try (0..<200).map { _ in try bindTCP(host: "127.0.0.1", port: 0, sharesPort: false).release() }
        defer { for listener in listeners { close(listener) } }
        let ports = try listeners.map { Int(try boundPort($0)) }
        for listener in listeners { #expect(listen(listener, 8) == 0) }
        let table = ListeningSockets()
        let found = table.ports(ofGroup: getpgrp())
        #expect(Set(ports).isSubset(of: found))
        #expect(ports.allSatisfy { table.isServed($0, byGroup: getpgrp()) })
        #expect(!table.isServed(1, byGroup: getpgrp()))
    }
}
