import AccessLog
import Compression
import Glibc
import HTTP1
import Linux
import Model
import NIOCore
import NIOPosix
import Pool
import ResponseCache
import Sockets
import StaticFiles
import Synchronization

@testable import Gateway

/// A gateway on a port of its own, a real pool, and workers that the test invents.
final class TestGateway: Sendable {
    struct Options: Sendable {
        var loops = 1
        var workers = 1
        var concurrency = 1
        var wire = WorkerProtocol.session
        var pace = PaceLimits()
        var bufferDirectory: String?
        var memoryLimit = 64 << 20
        var diskLimit = 1 << 30
        var sweepInterval = TimeAmount.milliseconds(20)
        var lingerTime = TimeAmount.milliseconds(200)
        var maxConnections = 1000
        var streamAge = TimeAmount.seconds(10)
        /// Files lie in `release` below the server's directory, which `prepare` fills.
        var hasRelease = false
        var oldReleases: [String] = []
        var prepare: @Sendable (String) throws -> Void = { _ in }
        /// Workers are booted, and the first generation is live.
        var boots = true
        /// Server names of the certificates; none is a plain listener.
        var tls: [String] = []
        var proxyProtocol = false
        /// As the supervisor does, so that another gateway can go on with it.
        var keepsListener = false
        var redirectPort: Int?
        var settings: @Sendable (inout AppSettings) -> Void = { _ in }
        var cacheMemory = 0
        var accessLog = AccessLogFormat.off
        var trusted: [String] = []
        /// Answers that may be compressed at a time.
        var gzipLimit = 256
        /// The app's own error page.
        var errorPage: String?
        /// Names and `base_uri` of the app's routes; one of its settings' own if empty.
        var routes: [(names: [String], base: String)] = []
    }

    let pool: Pool
    let app: AppIndex
    let gateway: Gateway
    let fleet: FakeFleet
    let port: UInt16
    let listener: Int32?
    let directory: String
    let budget: BufferBudget
    let events: EventRecorder
    private let options: Options
    private let group: SocketLoopGroup
    private let threads: NIOThreadPool
    private let ticker: RepeatedTask

    /// Starts all, runs `body` on a thread where it may block, and ends all.
    static func run(
        _ options: Options = Options(), worker: @escaping FakeWorker.Behaviour = Behaviours.echo,
        _ body: @escaping @Sendable (TestGateway) throws -> Void
    ) async throws {
        let server = try await TestGateway(options, worker)
        let result: Result<Void, any Error>
        do {
            result = .success(try await blocking { try body(server) })
        } catch {
            result = .failure(error)
        }
        try await server.stop()
        try result.get()
    }

    init(_ options: Options, _ worker: @escaping FakeWorker.Behaviour) async throws {
        self.options = options
        directory = try makeTemporaryDirectory()
        group = try SocketLoopGroup(count: options.loops)
        threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()
        var settings = AppSettings(name: AppName(sanitizing: "test"), directory: directory, kind: .rack)
        settings.pool.maxInstances = options.workers
        options.settings(&settings)
        var limits = PoolLimits(maxPoolSize: 16)
        limits.pace = options.pace
        pool = Pool(limits: limits, now: monotonicNow)
        fleet = FakeFleet(pool: pool, directory: directory, options: options, behaviour: worker)
        pool.start(delegate: fleet)
        app = pool.addApp(settings.name, queue: settings.queue)
        budget = BufferBudget(memoryLimit: options.memoryLimit, diskLimit: options.diskLimit)
        let events = EventRecorder()
        self.events = events
        var parts = GatewayParts(
            pool: pool, budget: budget, threads: threads, bufferDirectory: options.bufferDirectory ?? directory,
            errorPages: ErrorPages(template: ErrorPages.plainTemplate), serverField: "passenger",
            trusted: AddressRanges(options.trusted), maxConnections: options.maxConnections,
            report: { events.add($0) })
        parts.sweepInterval = options.sweepInterval
        parts.lingerTime = options.lingerTime
        parts.redirectPort = options.redirectPort
        if !options.tls.isEmpty {
            parts.certificates = try await blocking { [directory] in try makeCertificates(options.tls, in: directory) }
        }
        parts.streamAge = options.streamAge
        parts.gzipBudget = GzipBudget(limit: options.gzipLimit)
        if options.cacheMemory > 0 { parts.cache = ResponseCache(limits: CacheLimits(memory: options.cacheMemory)) }
        if options.accessLog != .off {
            parts.accessLog = try AccessLogWriter(.file("\(directory)/access.log"), format: options.accessLog)
        }
        gateway = try await Gateway(group: group, parts: parts)
        try options.prepare(directory)
        let forRoutes = options.routes.isEmpty ? [(settings.serverNames, settings.http.baseURI)] : options.routes
        // The server's own directory, which holds other things too, is a release where no other is wanted.
        let names = (options.hasRelease ? ["release"] : []) + options.oldReleases
        let directories = names.isEmpty ? [directory] : names.map { [directory] in "\(directory)/\($0)" }
        gateway.setRoutes(
            forRoutes.map { [app] names, base in
                var own = settings
                own.serverNames = names
                own.http.baseURI = base
                return Route(
                    app: app, settings: own, releases: directories.map { StaticSite.Release(directory: $0) },
                    errorPage: options.errorPage)
            })
        fleet.setGateway(gateway)
        let socket = try bindTCP(host: "127.0.0.1", port: 0, sharesPort: false)
        try startListening(socket.number, backlog: 128, subject: "test")
        port = try boundPort(socket.number)
        listener = options.keepsListener ? try duplicateDescriptor(socket.number).release() : nil
        try await gateway.open([
            GatewayListener(
                descriptor: socket.release(), isShared: options.loops > 1, isTLS: !options.tls.isEmpty,
                proxyProtocol: options.proxyProtocol)
        ])
        let pool = self.pool
        ticker = group.next().scheduleRepeatedTask(initialDelay: .milliseconds(10), delay: .milliseconds(10)) { _ in
            pool.tick()
        }
        self.settings = settings
        if options.boots { try await switchToNew() }
    }

    let settings: AppSettings

    func client(receiveBuffer: Int32? = nil) throws -> TestClient {
        try TestClient(port: port, receiveBuffer: receiveBuffer)
    }

    var snapshot: AppSnapshot { pool.snapshot()[app]! }

    /// Boots a generation and gives it the traffic; the one before is drained.
    @discardableResult
    func switchToNew() async throws -> GenerationNumber {
        let spec = GenerationSpec(app: settings.name, settings: settings, workers: options.workers, proof: .handshake)
        let booted = try await pool.boot(app, spec)
        if let old = pool.switchTraffic(app, to: booted.number) { pool.drain(old, of: app, within: .seconds(10)) }
        return booted.number
    }

    func bootBeside() async throws -> GenerationNumber {
        let spec = GenerationSpec(app: settings.name, settings: settings, workers: options.workers, proof: .handshake)
        return try await pool.boot(app, spec).number
    }

    /// With another generation, or not any more.
    func share(with generation: GenerationNumber, tenThousandths: Int?) {
        pool.share(app, with: generation, tenThousandths: tenThousandths)
        gateway.setRoutes([Route(app: app, settings: settings, isShared: tenThousandths != nil)])
    }

    /// A second app, with a worker of its own.
    func addApp(_ name: String, _ change: (inout AppSettings) -> Void) async throws -> Route {
        var settings = self.settings
        settings.name = AppName(sanitizing: name)
        change(&settings)
        let index = pool.addApp(settings.name, queue: settings.queue)
        let spec = GenerationSpec(app: settings.name, settings: settings, workers: 1, proof: .handshake)
        let booted = try await pool.boot(index, spec)
        _ = pool.switchTraffic(index, to: booted.number)
        return Route(app: index, settings: settings)
    }

    /// The access log's lines, once there are so many.
    func logLines(_ count: Int) throws -> [String] {
        var lines: [String] = []
        let isThere = eventually {
            let text = read("access.log")
            lines = text.split(separator: "\n").map(String.init)
            return lines.count >= count && text.last == "\n"
        }
        guard isThere else { throw TestFailure("only \(lines.count) lines: \(lines)") }
        return lines
    }

    func read(_ name: String) -> String {
        (try? readFile("\(directory)/\(name)")).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    func stop() async throws {
        gateway.closeAll()
        await gateway.closeLogs(within: .seconds(2))
        await pool.shutdown(within: .zero, hurry: true)
        let fleet = self.fleet
        try await blocking {
            fleet.stopAll()
        }
        ticker.cancel()
        try await group.shutdownGracefully()
        try await threads.shutdownGracefully()
        removeTree(directory)
    }
}

/// Spawner, prober and stopper in one.
final class FakeFleet: PoolDelegate {
    private struct State {
        var workers: [WorkerNumber: FakeWorker] = [:]
        var all: [FakeWorker] = []
        var failure: BootFailure?
        var fixedPath: String?
        weak var gateway: Gateway?
    }
    private let state = Mutex(State())
    let worked = Mutex<[WorkerNumber]>([])
    private let pool: Pool
    private let directory: String
    private let options: TestGateway.Options
    private let behaviour: FakeWorker.Behaviour

    init(pool: Pool, directory: String, options: TestGateway.Options, behaviour: @escaping FakeWorker.Behaviour) {
        self.pool = pool
        self.directory = directory
        self.options = options
        self.behaviour = behaviour
    }

    var workers: [FakeWorker] {
        state.withLock { $0.workers.values.sorted { $0.number.rawValue < $1.number.rawValue } }
    }
    func setGateway(_ gateway: Gateway) { state.withLock { $0.gateway = gateway } }
    /// From now on boots end like this.
    func failBoots(_ failure: BootFailure?) { state.withLock { $0.failure = failure } }

    /// From now on workers are what the test has put there.
    func useWorkers(at path: String) { state.withLock { $0.fixedPath = path } }

    func spawnWorker(_ worker: WorkerNumber, generation: GenerationNumber, spec: GenerationSpec) {
        pool.workerSpawned(worker, pid: 1)
        if let failure = state.withLock({ $0.failure }) { return pool.workerExited(worker, failure) }
        if let path = state.withLock({ $0.fixedPath }) {
            return pool.workerBooted(
                worker, address: .unix(path: path), wireProtocol: options.wire, concurrency: options.concurrency)
        }
        let path = "\(directory)/w\(worker.rawValue)"
        do {
            let fake = try FakeWorker(
                worker, generation, of: spec.app, path: path, wire: options.wire, behaviour: behaviour)
            state.withLock { state in
                state.workers[worker] = fake
                state.all.append(fake)
            }
            pool.workerBooted(
                worker, address: .unix(path: path), wireProtocol: options.wire, concurrency: options.concurrency)
        } catch {
            pool.workerExited(worker, BootFailure(step: "launch", summary: "\(error)"))
        }
    }

    func work(_ endpoint: WorkerEndpoint) {
        worked.withLock { $0.append(endpoint.worker) }
        pool.workerWorked(endpoint.worker, nil)
    }
    func probeWorker(_ endpoint: WorkerEndpoint) { pool.workerProbed(endpoint.worker, nil) }
    func proveWorker(_ endpoint: WorkerEndpoint) {
        guard state.withLock({ $0.workers[endpoint.worker] != nil }) else { return }
        pool.workerProved(endpoint.worker, weak: false)
    }

    func stopWorker(_ worker: WorkerNumber, endpoint: WorkerEndpoint?, grace: Duration) {
        let gateway = state.withLock { $0.gateway }
        guard let endpoint, let gateway else { return exit(worker) }
        gateway.closeIdleConnections(to: endpoint) { [self] in exit(worker) }
    }

    func endStreams(
        of app: AppIndex, generation: GenerationNumber, worker: WorkerNumber?, spreadOver window: Duration
    ) {
        let gateway = state.withLock { $0.gateway }
        gateway?.endStreams(of: app, generation: generation, worker: worker, spreadOver: window)
    }

    func poolEvent(_ event: PoolEvent) {}

    /// The process is gone, and the pool is told.
    func exit(_ worker: WorkerNumber) {
        kill(worker)
        pool.workerExited(worker, BootFailure(step: "exited", summary: "stopped"))
    }

    /// The process is gone; nobody knows yet.
    func kill(_ worker: WorkerNumber) {
        state.withLock { $0.workers.removeValue(forKey: worker) }?.stop()
    }

    func stopAll() {
        let all = state.withLock { $0.all }
        for worker in all { worker.stop() }
        for worker in all where !worker.waitUntilFinished() { print("a fake worker does not end") }
    }
}

/// What the gateway had to tell.
final class EventRecorder: Sendable {
    private let events = Mutex<[GatewayEvent]>([])
    func add(_ event: GatewayEvent) { events.withLock { $0.append(event) } }
    var all: [GatewayEvent] { events.withLock { $0 } }
    /// Error ids of pages that went to the log.
    var answeredIDs: [String] { all.compactMap { if case .answered(_, let id, _, _) = $0 { id } else { nil } } }
}

func makeTemporaryDirectory() throws -> String {
    var template = Array("/tmp/gateway-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw TestFailure("mkdtemp failed") }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Files in it and itself.
func removeTree(_ path: String) {
    if let directory = opendir(path) {
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name != ".", name != ".." else { continue }
            if unlink("\(path)/\(name)") != 0 { removeTree("\(path)/\(name)") }
        }
        closedir(directory)
    }
    rmdir(path)
}
