package import Pool

/// An answer that the gateway gives by itself instead of the app's. Each has one status and one sentence for people;
/// what happened in detail goes to the log under the error id of the page.
package enum GatewayFailure: Equatable, Sendable {
    /// The request was refused while parsing: RFC 9112 rejection with its own status.
    case badRequest(status: Int, reason: String)
    case bodyTooLarge(limit: Int)
    case requestTimeout
    /// `data_buffer_dir` is full, or the limits over all bodies are used up.
    case bufferFull(disk: Bool)
    case unknownHost
    case queueFull(status: Int)
    case queueTimeout(status: Int)
    /// Nothing is live and the boot failed; `summary` is shown only on friendly error pages.
    case notBooted(summary: String)
    case shuttingDown
    case paused
    /// So many workers were gone that the search was given up (`ExchangeStateMachine.maxMisses`).
    case workerUnreachable
    /// The worker's backlog stayed full.
    case workerBusy
    case workerDied
    case badAnswer
    case workerTimedOut
    /// `only-if-cached`, and it is not.
    case notCached

    package init(_ refusal: Refusal, queue: (overflow: Int, timeout: Int)) {
        switch refusal {
        case .queueFull: self = .queueFull(status: queue.overflow)
        case .queueTimeout: self = .queueTimeout(status: queue.timeout)
        case .notBooted(let summary): self = .notBooted(summary: summary)
        case .shuttingDown: self = .shuttingDown
        case .paused: self = .paused
        }
    }

    package var status: Int {
        switch self {
        case .badRequest(let status, _), .queueFull(let status), .queueTimeout(let status): status
        case .bodyTooLarge: 413
        case .requestTimeout: 408
        case .bufferFull(let disk): disk ? 507 : 503
        case .unknownHost: 404
        case .notBooted, .shuttingDown, .paused, .workerBusy: 503
        case .workerUnreachable, .workerDied, .badAnswer: 502
        case .workerTimedOut, .notCached: 504
        }
    }

    /// One sentence for the page. Says nothing of paths, versions or code.
    package var sentence: String {
        switch self {
        case .badRequest(_, let reason): "The request could not be understood: \(reason)."
        case .bodyTooLarge(let limit): "The request body is larger than the \(limit) bytes that are allowed."
        case .requestTimeout: "The request did not arrive in time."
        case .bufferFull(let disk):
            disk ? "There is no room to store the request body." : "Too many requests are being received."
        case .unknownHost: "No application is served under this name."
        case .queueFull: "Too many requests are waiting for this application. Please try again in a moment."
        case .queueTimeout, .workerBusy: "The application had no time for this request. Please try again in a moment."
        case .notBooted: "The application could not be started. Its administrator finds the reason in the log."
        case .shuttingDown: "The server is being stopped."
        case .paused: "The application is paused. Please try again in a moment."
        case .workerUnreachable, .workerDied: "The application ended while it worked on this request."
        case .badAnswer: "The application's answer could not be understood."
        case .workerTimedOut: "The application took too long to answer."
        case .notCached: "There is no stored answer to this request."
        }
    }
}

extension GatewayFailure: CustomStringConvertible {
    /// For the log: what happened, and the setting that decided it.
    package var description: String {
        switch self {
        case .badRequest(_, let reason): "bad request: \(reason)"
        case .bodyTooLarge(let limit): "the body is larger than \(limit) bytes (max_request_body)"
        case .requestTimeout: "the request did not arrive in time"
        case .bufferFull(let disk):
            disk ? "data_buffer_dir is full" : "buffer_memory_limit or buffer_disk_limit reached"
        case .unknownHost: "no app is served under this name"
        case .queueFull: "the queue is full (max_request_queue_size)"
        case .queueTimeout: "it waited too long for a worker (max_request_queue_time)"
        case .notBooted(let summary): "the app is not up: \(summary)"
        case .shuttingDown: "the server is being stopped"
        case .paused: "the app is paused"
        case .workerUnreachable: "no worker could be reached"
        case .workerBusy: "no worker took it: their backlogs are full"
        case .workerDied: "the worker ended before it answered"
        case .badAnswer: "the worker's answer could not be understood"
        case .workerTimedOut: "the worker took too long (max_request_time)"
        case .notCached: "only-if-cached, and there is no stored answer"
        }
    }
}
