/// Why the gateway answered in the app's place, as it is counted.
package enum FailureReason: Int, Sendable, CaseIterable {
    case badRequest, bodyTooLarge, requestTimeout, bufferFull, unknownHost
    case queueFull, queueTimeout, notBooted, shuttingDown, paused, notCached
    // Because of a worker.
    case workerUnreachable, workerBusy, workerDied, badAnswer, workerTimedOut
    /// The worker ended in the middle of its answer.
    case brokenOff

    /// A worker had the request, or was to have it; the others were refused before.
    package var isWorkers: Bool { rawValue >= FailureReason.workerUnreachable.rawValue }

    /// As a label.
    package var text: String {
        switch self {
        case .badRequest: "bad_request"
        case .bodyTooLarge: "body_too_large"
        case .requestTimeout: "request_timeout"
        case .bufferFull: "buffer_full"
        case .unknownHost: "unknown_host"
        case .queueFull: "queue_full"
        case .queueTimeout: "queue_timeout"
        case .notBooted: "not_booted"
        case .shuttingDown: "shutting_down"
        case .paused: "paused"
        case .notCached: "not_cached"
        case .workerUnreachable: "unreachable"
        case .workerBusy: "busy"
        case .workerDied: "died"
        case .badAnswer: "bad_answer"
        case .workerTimedOut: "timed_out"
        case .brokenOff: "broken_off"
        }
    }
}

extension GatewayFailure {
    var reason: FailureReason {
        switch self {
        case .badRequest: .badRequest
        case .bodyTooLarge: .bodyTooLarge
        case .requestTimeout: .requestTimeout
        case .bufferFull: .bufferFull
        case .unknownHost: .unknownHost
        case .queueFull: .queueFull
        case .queueTimeout: .queueTimeout
        case .notBooted: .notBooted
        case .shuttingDown: .shuttingDown
        case .paused: .paused
        case .workerUnreachable: .workerUnreachable
        case .workerBusy: .workerBusy
        case .workerDied: .workerDied
        case .badAnswer: .badAnswer
        case .workerTimedOut: .workerTimedOut
        case .notCached: .notCached
        }
    }
}
