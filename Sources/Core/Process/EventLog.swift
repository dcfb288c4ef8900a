import AccessLog
import Deploys
import Gateway
import Logging
import Model
import Pool
import Spawning

/// What happens in the parts, one line each, in words for the person who reads the log.
struct EventLog: Sendable {
    let logger: Logger

    func pool(_ event: PoolEvent) {
        let who = "app \(event.app)" + (event.generation.map { " \($0)" } ?? "")
        switch event.kind {
        case .wanted: logger.info("\(who): started by its first request")
        case .generationBooting(let workers, let wanted):
            logger.info("\(who): booting \(workers) of \(wanted) workers")
        case .workerReady(let worker, let time, let weak):
            let proof = weak ? ", weak proof: set health.path to a page that tells whether the app works" : ""
            logger.info("\(who): worker \(worker) ready after \(seconds(time))\(proof)")
        case .generationProved(let time):
            logger.info("\(who): proved after \(seconds(time))")
        case .generationFailed(let failure):
            report("\(who): did not come up", failure.failure)
        case .bootFailed(let worker, let failure, let retry):
            report(
                "\(who): worker \(worker) did not boot" + (retry.map { ", next try in \(seconds($0))" } ?? ""), failure)
        case .switched(let from, let queued):
            let before = from.map { ", before \($0)" } ?? ""
            logger.info("\(who): has all traffic\(before)\(queued > 0 ? ", \(queued) waiting requests taken on" : "")")
        case .draining(let workers, let inFlight):
            logger.info("\(who): draining, \(workers) workers, \(inFlight) requests in flight")
        case .drainDeadline(let inFlight):
            logger.warning("\(who): drain_timeout is over, \(inFlight) requests are cut")
        case .generationGone:
            logger.info("\(who): gone")
        case .workerDied(let worker, let failure, let inFlight):
            report("\(who): worker \(worker) died with \(inFlight) requests in flight", failure)
        case .workerSuspected(let worker):
            logger.warning("\(who): worker \(worker) could not be reached, it gets no requests until it proves itself")
        case .workerReturned(let worker):
            logger.info("\(who): worker \(worker) answers again")
        case .workerUnhealthy(let worker, let failure):
            report("\(who): worker \(worker) is not healthy", failure)
        case .unhealthyWorkerKept(let worker, let failure):
            report("\(who): worker \(worker) is not healthy, as most are: it stays", failure)
        case .refusedQueued(let count, let refusal):
            logger.warning("\(who): \(count) waiting requests refused: \(refusal)")
        }
    }

    func gateway(_ event: GatewayEvent) {
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
        case .answered(let failure, let id):
            logger.warning("gateway: answered \(failure.status) \(failure), error id \(id)")
        case .answerTooLong(let worker):
            logger.error("gateway: worker \(worker) sent more than its answer; the rest is dropped")
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
        case .suppressed(let count): logger.warning("gateway: \(count) more events in the last second")
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

    func operation(_ app: AppName, _ operation: OperationNumber, _ event: Deploys.OperationEvent) {
        let who = "app \(app) operation \(operation)"
        switch event {
        case .stepStarted(_, let title): logger.info("\(who): \(title)")
        case .stepFinished(let step, let nanoseconds, let failure):
            let time = seconds(.nanoseconds(nanoseconds))
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
                logger.error("\(who): \(outcome.summary)")
                if let failure = outcome.failure { detail(failure.details, failure.outputTail, failure.hint) }
            }
        case .progress, .skipped: break
        }
    }

    /// App output is passed on as it is, under its worker's name.
    func output(_ app: AppName, _ worker: WorkerNumber, _ stream: StandardStream, _ line: String) {
        logger.info("app \(app) \(worker) \(stream == .stderr ? "!" : "|") \(line)")
    }

    private func report(_ what: String, _ failure: BootFailure) {
        logger.error("\(what): \(failure.step): \(failure.summary)")
        detail(failure.details, failure.outputTail, failure.hint)
    }

    private func detail(_ details: String?, _ tail: [String], _ hint: String?) {
        for line in (details ?? "").split(separator: "\n").prefix(30) { logger.error("    \(line)") }
        if details == nil { for line in tail.suffix(10) { logger.error("    \(line)") } }
        if let hint { logger.error("    hint: \(hint)") }
    }

    private func seconds(_ duration: Duration) -> String {
        let milliseconds = Int(duration.inMilliseconds)
        return milliseconds < 1000 ? "\(milliseconds) ms" : "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
    }
}
