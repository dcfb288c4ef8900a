import AccessLog
import HTTP1
import Model
import NIOCore
import Pool
import Sockets

/// When the steps of a request happened, for the access log and what is counted.
struct RequestTimes {
    private(set) var arrived = NIODeadline.uptimeNanoseconds(0)
    var queued: NIODeadline?
    var claimed: NIODeadline?
    /// Of the worker that had it last.
    var generation: GenerationNumber?
    var isUncounted = false
    /// Of the answer's body.
    var countedBytes = 0

    mutating func begin(_ time: NIODeadline) {
        arrived = time
        queued = nil
        claimed = nil
        generation = nil
        isUncounted = true
        countedBytes = 0
    }
}

extension ClientConnection {
    /// A line for the request that ends, if there is one and lines are wanted. Also for what was no request, and was answered
    /// with an error: its line has as much of it as could be read.
    func logAccess() {
        guard loop.logsAccess, answer.status != 0 || route != nil else { return }
        let bytes = headBytes.bytes
        let peerText = Array((origin?.client?.description ?? peer.address).utf8)
        let idText = Array((requestID(bytes) ?? "").utf8)
        let now = loop.eventLoop.time
        peerText.withUnsafeBytes { peerText in
            idText.withUnsafeBytes { idText in
                var record = AccessRecord()
                record.peer = peerText
                record.requestID = idText
                record.method = head.methodRange.of(bytes)
                record.target = head.target.of(bytes)
                record.version = transport.isMessageFramed ? .http2 : head.versionMinor == 0 ? .http10 : .http11
                record.host = head.host.of(bytes)
                if let referer = head.first(.referer) { record.referer = referer.of(bytes) }
                if let agent = head.first(.userAgent) { record.userAgent = agent.of(bytes) }
                record.status = answer.status
                record.bodyBytes = answer.headOnly ? 0 : answer.bodyBytes
                record.arrived = loop.wallMicroseconds(at: times.arrived)
                record.duration = (now - times.arrived).nanoseconds
                if let queued = times.queued { record.queueTime = ((times.claimed ?? now) - queued).nanoseconds }
                if let claimed = times.claimed { record.workerTime = (now - claimed).nanoseconds }
                record.app = route?.name
                record.generation = lastEndpoint?.generation
                record.worker = lastEndpoint?.worker
                record.source = answer.source
                loop.logAccess(record)
            }
        }
        lastEndpoint = nil
        // Once for each request.
        answer.status = 0
    }

    /// That the app sees; nil of what was no request.
    func requestID(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard let origin else { return nil }
        if let kept = origin.keptID { return String(decoding: kept.of(bytes), as: UTF8.self) }
        return origin.id.description
    }
}
