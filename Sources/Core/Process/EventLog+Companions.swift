import Logging
import Model
import Spawning

extension EventLog {
    func companion(_ app: AppName, _ event: CompanionEvent) {
        let logger = about(app: app).logger
        switch event {
        case .started(let id, let pid): logger.info("app \(app): companion \(id) started (pid \(pid))")
        case .quieted(let id): logger.info("app \(app): companion \(id) takes no new work")
        case .stopping(let id): logger.info("app \(app): companion \(id) is to stop")
        case .stopped(let id, let end): logger.info("app \(app): companion \(id) stopped: \(end.how)")
        case .died(let id, let end, let retry):
            let next = retry == .zero ? "started again" : "next start in \(retry.inWords)"
            logger.error("app \(app): companion \(id) ended by itself: \(end.how), \(next)")
        case .keepsDying(let id, let end):
            logger.error("app \(app): companion \(id) keeps ending soon after its start: \(end)")
        case .recovered(let id): logger.info("app \(app): companion \(id) runs again")
        case .killed(let id):
            logger.warning("app \(app): companion \(id) did not stop in time and is killed (stop_timeout)")
        case .stuck(let id):
            logger.error("app \(app): companion \(id) cannot be killed; it is waited for no longer")
        }
    }
}
