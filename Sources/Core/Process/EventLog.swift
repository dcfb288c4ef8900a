import AccessLog
import Deploys
import Gateway
import Logging
import Model
import Pool
import Spawning
import Telemetry

/// What happens in the parts, one line each, in words for the person who reads the log. With `log_format: json` what a line is
/// about is in fields of its own, too, and what belongs to it is not spread over lines.
struct EventLog: Sendable {
    private(set) var logger: Logger
    private let format: LogFormat

    init(logger: Logger, format: LogFormat) {
        self.logger = logger
        self.format = format
    }

    /// The same log, for lines about these.
    func about(
        app: AppName? = nil, generation: GenerationNumber? = nil, worker: WorkerNumber? = nil,
        companion: CompanionID? = nil, operation: OperationNumber? = nil, deploy: DeployNumber? = nil
    ) -> EventLog {
        var log = self
        if let app { log.logger[.app] = "\(app)" }
        if let generation { log.logger[.generation] = .stringConvertible(generation.rawValue) }
        if let worker { log.logger[.worker] = .stringConvertible(worker.rawValue) }
        if let companion { log.logger[.companion] = "\(companion)" }
        if let operation { log.logger[.operation] = .stringConvertible(operation.rawValue) }
        if let deploy { log.logger[.deploy] = .stringConvertible(deploy.rawValue) }
        return log
    }

    func pool(_ event: PoolEvent) {
        about(app: event.app, generation: event.generation, worker: event.kind.worker).tell(event)
    }

    func gateway(_ event: GatewayEvent) { about(worker: event.worker).tell(event) }

    func operation(
        _ app: AppName, _ operation: OperationNumber, _ deploy: DeployNumber?, _ event: Deploys.OperationEvent
    ) {
        about(app: app, operation: operation, deploy: deploy).tell(app, operation, event)
    }

    private func tell(_ event: PoolEvent) {
        let who = "app \(event.app)" + (event.generation.map { " \($0)" } ?? "")
        switch event.kind {
        case .wanted: logger.info("\(who): started by its first request")
        case .generationBooting(let workers, let wanted):
            logger.info("\(who): booting \(workers) of \(counted(wanted, "worker"))")
        case .workerReady(let worker, let time, let weak):
            let proof = weak ? ", weak proof: set health.path to a page that tells whether the app works" : ""
            logger.info("\(who): worker \(worker) ready after \(time.inWords)\(proof)")
        case .generationProved(let time):
            logger.info("\(who): proved after \(time.inWords)")
        case .generationFailed(let failure):
            report("\(who): did not come up", failure.failure)
        case .bootFailed(let worker, let failure, let retry):
            report(
                "\(who): worker \(worker) did not boot" + (retry.map { ", next try in \($0.inWords)" } ?? ""), failure)
        case .switched(let from, let queued):
            let before = from.map { ", before \($0)" } ?? ""
            logger.info(
                "\(who): has all traffic\(before)\(queued > 0 ? ", \(counted(queued, "waiting request")) taken on" : "")"
            )
        case .draining(let workers, let inFlight):
            logger.info("\(who): draining, \(counted(workers, "worker")), \(counted(inFlight, "request")) in flight")
        case .drainDeadline(let inFlight):
            logger.warning("\(who): drain_timeout is over, what is cut: \(counted(inFlight, "request"))")
        case .generationGone:
            logger.info("\(who): gone")
        case .workerDied(let worker, let failure, let inFlight):
            report("\(who): worker \(worker) died with \(counted(inFlight, "request")) in flight", failure)
        case .workerSuspected(let worker):
            logger.warning("\(who): worker \(worker) could not be reached, it gets no requests until it proves itself")
        case .adopted(let workers):
            logger.info("\(who): goes on with \(counted(workers, "worker")) of the core before")
        case .workerAnswered(let worker):
            logger.info("\(who): worker \(worker) answers this core")
        case .workerReturned(let worker):
            logger.info("\(who): worker \(worker) answers again")
        case .requestOverdue(let worker, let isReplaced):
            let next = isReplaced ? "it is replaced" : "it gets no requests until it proves itself"
            logger.warning("\(who): a request to worker \(worker) took longer than max_request_time, \(next)")
        case .workerUnhealthy(let worker, let failure):
            report("\(who): worker \(worker) is not healthy", failure)
        case .mostUnhealthy(let failing, let all, let failure):
            report(
                "\(who): \(failing) of \(all) workers are not healthy: none is taken out, look for what they share "
                    + "(the database?)", failure)
        case .mostHealthyAgain:
            logger.info("\(who): most workers are healthy again")
        case .grown(let workers):
            logger.info("\(who): all workers are busy, now it is kept at \(workers)")
        case .shrunk(let workers):
            logger.info("\(who): workers were not needed, now it is kept at \(workers)")
        case .workerWorn(let worker, let wear):
            logger.info("\(who): worker \(worker) is being replaced: \(words(wear))")
        case .workFailed(let worker, let failure):
            report("\(who): worker \(worker) asked for out-of-band work, which failed", failure)
        case .evicted(let worker):
            logger.info("\(who): worker \(worker) was idle, another app needs its place")
        case .refusedQueued(let count, let refusal):
            logger.warning("\(who): \(counted(count, "waiting request")) refused: \(refusal)")
        }
    }

    private func counted(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    private func tell(_ event: GatewayEvent) {
        switch event {
        case .rejected(let rejection, let peer): logger.info("gateway: request of \(peer) refused: \(rejection)")
        case .badChunks(let rejection, let peer): logger.info("gateway: body of \(peer) refused: \(rejection)")
        case .bufferFull(let disk):
            logger.error(
                "gateway: a request body was refused: \(disk ? "data_buffer_dir is full" : "buffer_memory_limit reached")"
            )
        case .connectFailed(let worker, let reason): logger.warning("gateway: worker \(worker) unreachable: \(reason)")
        case .upstreamLost(let worker, let begun):
            logger.warning("gateway: worker \(worker) closed \(begun ? "in the middle of" : "before") its answer")
        case .badAnswer(let worker, let reason): logger.error("gateway: worker \(worker) answered nonsense: \(reason)")
        case .answered(let failure, let id, let app, let request):
            var logger = about(app: app).logger
            logger[.errorID] = "\(id)"
            logger[.requestID] = request.map { "\($0)" }
            logger.warning("gateway: answered \(failure.status): \(failure), error id \(id)")
        case .answerTooLong(let worker):
            logger.error("gateway: worker \(worker) sent more than its answer; the rest is dropped")
        case .idleWorkerSpoke(let worker):
            logger.warning(
                "gateway: worker \(worker) sent something that nobody had asked for; that connection is closed")
        case .clientTooSlow(let limit, let peer):
            logger.info("gateway: \(peer) was too slow (\(limit)), its connection is ended")
        case .tooManyConnections(let limit): logger.warning("gateway: max_connections (\(limit)) reached")
        case .badProxyHeader(let rejection, let peer):
            logger.warning("gateway: refused a connection from \(peer): \(rejection)")
        case .secureConnectionFailed(let reason, let peer):
            logger.info("gateway: TLS connection from \(peer): \(reason)")
        case .acceptFailed(let reason):
            logger.error("gateway: no connections are accepted for a moment: \(reason)")
        case .fileFailed(let reason): logger.error("gateway: a static file could not be opened: \(reason)")
        case .fileRefused(let reason): logger.error("gateway: a file that the app named is not sent: \(reason)")
        case .repeated(let kind, let more, let seconds):
            let app = kind.app.map { " of app \($0)" } ?? ""
            about(app: kind.app).logger.warning("gateway: \(more) more\(app) in the last \(seconds) s: \(kind)")
        }
    }

    func accessLog(_ event: AccessLogEvent) {
        switch event {
        case .reopened: logger.info("access log: opened again")
        case .reopenFailed(let error): logger.error("access log: not opened again: \(error)")
        case .writeFailed(let error): logger.error("access log: lines are lost: \(error)")
        case .dropping: logger.warning("access log: lines come faster than they can be written, and are dropped")
        case .noted(let dropped): logger.warning("access log: \(dropped) lines were dropped")
        }
    }

    private func tell(_ app: AppName, _ operation: OperationNumber, _ event: Deploys.OperationEvent) {
        let who = "app \(app) operation \(operation)"
        switch event {
        case .stepStarted(_, let title): logger.info("\(who): \(title)")
        case .stepFinished(let step, let nanoseconds, let failure):
            let time = Duration.nanoseconds(nanoseconds).inWords
            if let failure { logger.error("\(who): \(step) failed after \(time): \(failure)") }
        case .output(_, let line): logger.info("\(who) | \(line)")
        case .switched(let release, let nanoseconds):
            logger.info("\(who): switched to \(release ?? "the new generation") in \(nanoseconds / 1000) µs")
        // The operations log their alarms themselves.
        case .notice(.alarm, _): break
        case .notice(.info, let text): logger.info("\(who): \(text)")
        case .notice(_, let text): logger.warning("\(who): \(text)")
        case .finished(let outcome):
            switch outcome.result {
            case .done, .pending: logger.info("\(who): \(outcome.summary)")
            default:
                report(
                    "\(who): \(outcome.summary)", step: outcome.failedStep?.name, outcome.failure?.details,
                    outcome.failure?.outputTail ?? [], outcome.failure?.hint)
            }
        case .progress, .skipped: break
        }
    }

    /// App output is passed on as it is, under the name of the process that it comes from.
    func output(_ app: AppName, _ source: OutputSource, _ stream: StandardStream, _ line: String) {
        guard format == .json else {
            return logger.info("app \(app) \(source) \(stream == .stderr ? "!" : "|") \(line)")
        }
        var logger = about(app, source).logger
        logger[.stream] = stream == .stderr ? "stderr" : "stdout"
        logger.info("\(line)")
    }

    func notice(_ app: AppName, _ source: OutputSource, _ text: String) {
        about(app, source).logger.warning("app \(app) \(source): \(text)")
    }

    /// Of an app that is served all the same.
    func problem(_ app: AppName, _ text: String) { about(app: app).logger.error("app \(app): \(text)") }

    private func about(_ app: AppName, _ source: OutputSource) -> EventLog {
        switch source {
        case .worker(let worker, let generation): about(app: app, generation: generation, worker: worker)
        case .preloader(let generation): about(app: app, generation: generation)
        case .companion(let id): about(app: app, companion: id)
        }
    }

    /// An app that cannot be started, or the like, with what to do about it.
    func failure(_ app: AppName, _ failure: DeployFailure) {
        about(app: app).report("app \(app): \(failure)", step: nil, nil, [], failure.hint)
    }

    private func report(_ what: String, _ failure: BootFailure) {
        report(
            "\(what): \(failure.step): \(failure.summary)", step: failure.step, failure.details, failure.outputTail,
            failure.hint)
    }

    private func report(_ what: String, step: String?, _ details: String?, _ tail: [String], _ hint: String?) {
        guard format == .text else {
            var logger = self.logger
            logger[.step] = step.map { "\($0)" }
            logger[.details] = details.map { "\($0)" }
            logger[.output] = tail.isEmpty ? nil : .array(tail.map { "\($0)" })
            logger[.hint] = hint.map { "\($0)" }
            return logger.error("\(what)")
        }
        logger.error("\(what)")
        for line in (details ?? "").split(separator: "\n").prefix(30) { logger.error("    \(line)") }
        if details == nil { for line in tail.suffix(10) { logger.error("    \(line)") } }
        if let hint { logger.error("    hint: \(hint)") }
    }

    private func words(_ wear: Wear) -> String {
        switch wear {
        case .requests(let count): "it has had \(count) requests (max_requests)"
        case .memory(let bytes): "it uses \(bytes >> 20) MB (memory_limit)"
        case .unhealthy(let failure): "it is not healthy: \(failure.summary)"
        case .byHand: "somebody asked for it"
        }
    }
}

extension Logger {
    fileprivate subscript(field: LogField) -> Metadata.Value? {
        get { self[metadataKey: field.rawValue] }
        set { self[metadataKey: field.rawValue] = newValue }
    }
}

extension PoolEvent.Kind {
    /// Whom it is about, if about one.
    fileprivate var worker: WorkerNumber? {
        switch self {
        case .workerReady(let worker, _, _), .bootFailed(let worker, _, _), .workerDied(let worker, _, _),
            .workerSuspected(let worker), .workerReturned(let worker), .workerUnhealthy(let worker, _),
            .requestOverdue(let worker, _), .workerWorn(let worker, _), .evicted(let worker),
            .workerAnswered(let worker):
            worker
        default: nil
        }
    }
}

extension GatewayEvent {
    fileprivate var worker: WorkerNumber? {
        switch self {
        case .connectFailed(let worker, _), .upstreamLost(let worker, _), .badAnswer(let worker, _),
            .answerTooLong(let worker), .idleWorkerSpoke(let worker):
            worker
        default: nil
        }
    }
}
