package import Model

/// One request and its answer, as an event loop knows them when the answer has ended.
///
/// Texts point into the loop's own buffers and are read before `AccessLogBuffer.log` returns; an empty one means that there
/// is none. There is no user name: what an Authorization field says is never logged.
package struct AccessRecord {
    /// The client's address as text, as far as it is believed.
    package var peer = UnsafeRawBufferPointer(start: nil, count: 0)
    package var method = UnsafeRawBufferPointer(start: nil, count: 0)
    /// As received. Values of parameters that look like secrets are not written (`SecretParameters`).
    package var target = UnsafeRawBufferPointer(start: nil, count: 0)
    package var version = HTTPVersion.http11
    package var host = UnsafeRawBufferPointer(start: nil, count: 0)
    package var referer = UnsafeRawBufferPointer(start: nil, count: 0)
    package var userAgent = UnsafeRawBufferPointer(start: nil, count: 0)
    package var requestID = UnsafeRawBufferPointer(start: nil, count: 0)
    /// 0 when the client went before there was an answer; nginx' 499 is what the text form says then.
    package var status = 0
    /// Bytes of the answer's body that were sent, without chunk framing.
    package var bodyBytes = 0
    /// When the request began to arrive: wall-clock time in microseconds since 1970.
    package var arrived: Int64 = 0
    /// Nanoseconds from then to the end of the answer.
    package var duration: Int64 = 0
    /// Nanoseconds in the app's queue; nil when it was not queued.
    package var queueTime: Int64?
    /// Nanoseconds from the worker being claimed to the end of its answer; nil without a worker.
    package var workerTime: Int64?
    package var app: AppName?
    package var generation: GenerationNumber?
    package var worker: WorkerNumber?
    package var source = AnswerSource.worker

    package init() {}
}

package enum HTTPVersion: UInt8, Sendable {
    case http10, http11, http2

    var text: StaticString {
        switch self {
        case .http10: "HTTP/1.0"
        case .http11: "HTTP/1.1"
        case .http2: "HTTP/2.0"
        }
    }
}

/// Who answered.
package enum AnswerSource: UInt8, Sendable, CaseIterable {
    case worker
    /// A static file or cached page.
    case file
    /// The response cache.
    case cache
    /// The gateway itself: an error page, a redirect.
    case gateway

    package var label: String { "\(text)" }

    var text: StaticString {
        switch self {
        case .worker: "worker"
        case .file: "file"
        case .cache: "cache"
        case .gateway: "gateway"
        }
    }
}
