import HTTP1
import Model
import NIOCore
import Pool
import Sockets

extension ClientConnection {
    /// Once for each request: at its end, or when it becomes a stream, whose further bytes come at its end.
    func countTraffic() {
        let answerBytes = answer.headOnly ? 0 : answer.bodyBytes
        defer { times.countedBytes = answerBytes }
        guard times.isUncounted else { return countFurtherBytes(answerBytes) }
        times.isUncounted = false
        let now = loop.eventLoop.time
        var request = FinishedRequest(
            source: answer.source, status: StatusClass(status: answer.status), generation: times.generation,
            duration: isStream ? nil : (now - times.arrived).nanoseconds,
            requestBytes: body.length + streamedBytes, answerBytes: answerBytes)
        if let queued = times.queued {
            request.queueWait = ((times.claimed ?? now) - queued).nanoseconds
        } else if times.claimed != nil {
            request.queueWait = 0
        }
        loop.traffic.count(route?.app, request)
    }

    private func countFurtherBytes(_ bytes: Int) {
        guard let route, bytes > times.countedBytes else { return }
        loop.traffic.addBytes(bytes - times.countedBytes, to: route.app)
    }

    func countFailure(_ reason: FailureReason) {
        if let route { loop.traffic.failed(route.app, reason) }
    }
}
