import Glibc
import Model
import Pool

/// How one worker of a generation, or its preloader, is started: program, environment, and what it finds at its descriptors. Pure.
struct WorkerLaunch {
    /// Where a loader finds them (scripts/loaders/README.md); LISTEN_FDS begins at the same number.
    static let listenerTarget: Int32 = 3
    static let handshakeTarget: Int32 = 4

    var plan: LaunchPlan
    var usesHandshake: Bool

    /// - Parameters:
    ///   - worker: nil for the preloader.
    ///   - environment: the app's whole environment as `KEY=value`, without what is added here.
    ///   - loaders: directory with `ruby/`, `python/`, `node/`.
    ///   - bootNiceness: until it serves.
    ///   - port: a free TCP port for a generic app.
    ///   - socketPath: where a generic app may bind; nil when the core could not connect to it there.
    init(
        worker: WorkerNumber?, generation: GenerationNumber, spec: GenerationSpec, environment: [String],
        loaders: String,
        openFiles: (soft: UInt64, hard: UInt64), bootNiceness: Int32, port: Int?, socketPath: String?
    ) {
        let settings = spec.settings
        var variables = environment
        if let release = spec.release {
            variables += ["PASSENGER_RELEASE=\(release.name)", "PASSENGER_REVISION=\(release.revision)"]
        }
        let arguments: [String]
        switch settings.kind {
        case .rack:
            // Before anything of the loader is: what it requires itself can then not stand against the app's bundle.
            let bundler = settings.preloadBundler ? ["-rbundler/setup"] : []
            arguments = [settings.ruby] + bundler + ["\(loaders)/ruby/rack_loader.rb"]
        case .wsgi: arguments = [settings.python, "\(loaders)/python/wsgi_loader.py"]
        case .asgi: arguments = [settings.python, "\(loaders)/python/asgi_loader.py"]
        case .node: arguments = [settings.nodejs, "\(loaders)/node/node_loader.js"]
        // This program itself, which comes as a descriptor.
        case .static: arguments = ["passenger", "_static-app", settings.http.files.staticFilesDirectory ?? ""]
        case .generic: arguments = ["/bin/sh", "-c", "exec \(settings.startCommand ?? "false")"]
        }
        usesHandshake = settings.kind != .generic
        if usesHandshake {
            variables.append("_PASSENGER_WORKER=" + Self.describe(worker, generation, spec))
        } else {
            variables += ["LISTEN_FDS=1"] + (port.map { ["PORT=\($0)"] } ?? [])
            variables += socketPath.map { ["PASSENGER_SOCKET=\($0)"] } ?? []
        }
        plan = LaunchPlan(arguments: arguments, environment: variables, directory: settings.directory)
        plan.setsListenPid = !usesHandshake
        if settings.kind == .static { plan.programDescriptor = ToolProcess.programTarget }
        // The server raised its own limit; the app gets back what the server was started with.
        plan.limits = [
            ResourceLimit(resource: Int32(RLIMIT_NOFILE.rawValue), soft: openFiles.soft, hard: openFiles.hard)
        ]
        plan.oomScore = BootPriority.oomScore
        // A start command may have its own nice(1) in it.
        if usesHandshake { plan.niceness = bootNiceness }
    }

    /// When a worker with threads gives a request up, in milliseconds. The gateway answers 504 at `max_request_time`, and
    /// looks for such requests once a second; it must not find that the worker has closed the connection already.
    private static func abortAfter(_ maxRequestTime: Duration) -> FlatJSON.Value {
        maxRequestTime > .zero ? .integer(Int((maxRequestTime + .seconds(2)).inMilliseconds)) : .null
    }

    private static func describe(
        _ worker: WorkerNumber?, _ generation: GenerationNumber, _ spec: GenerationSpec
    ) -> String {
        let settings = spec.settings
        let own: [(String, FlatJSON.Value)] =
            if let worker {
                [("listener", .integer(Int(listenerTarget))), ("worker", .integer(Int(worker.rawValue)))]
            } else {
                [
                    ("control", .integer(Int(PreloaderDescriptors.control))),
                    ("owner", .integer(Int(PreloaderDescriptors.owner))),
                ]
            }
        return FlatJSON.encode(
            own + [
                ("version", .integer(1)), ("handshake", .integer(Int(handshakeTarget))),
                ("directory", .string(settings.directory)),
                ("startup_file", settings.startupFile.map { .string($0) } ?? .null),
                ("app_type", .string(settings.kind.rawValue)), ("environment", .string(settings.environment)),
                ("app", .string(settings.name.rawValue)), ("generation", .integer(Int(generation.rawValue))),
                ("release", spec.release.map { .string($0.name) } ?? .null),
                ("revision", spec.release.map { .string($0.revision) } ?? .null), ("base_uri", .string("")),
                ("stop_signal", StopSignal.name(settings.stopSignal).map { .string($0) } ?? .null),
                ("stop_timeout", .integer(Int(settings.pool.stopTimeout.inSeconds))),
                ("threads", .integer(settings.pool.requestThreads)),
                ("abort_after_ms", abortAfter(settings.http.maxRequestTime)),
            ])
    }
}
