/// Why a request to the admin API was not done. Each code has one exit status (FEATURES section 4) and one HTTP status;
/// nobody decides anything by an error's text.
package enum ErrorCode: String, Sendable, Codable, CaseIterable {
    /// The work was tried and did not succeed.
    case failed
    /// The server itself is at fault.
    case internalError = "internal_error"
    /// The request could not be understood: wrong arguments, malformed JSON.
    case usage
    case bodyTooLarge = "body_too_large"
    case unknownApp = "unknown_app"
    /// An app, a deploy, a release or an operation of that number does not exist.
    case notFound = "not_found"
    /// The path is there, and takes other methods: `Allow` names them.
    case methodNotAllowed = "method_not_allowed"
    /// No server, or one that is going down.
    case notRunning = "not_running"
    /// Not now, or not for this target: another operation runs, nothing to roll back to, frozen.
    case refused
    /// Another core has taken over since, and was not asked: ask again.
    case superseded
    /// Not for this caller.
    case forbidden
    /// Who asks is not known: no token, or one that nobody has.
    case unauthorized
    /// Too many wrong tokens came from there; `Retry-After` says when to try again.
    case tooManyAttempts = "too_many_attempts"
    /// It was switched to, and switched back from.
    case rolledBack = "rolled_back"
    case timedOut = "timed_out"

    package var exitStatus: Int32 {
        switch self {
        case .failed, .internalError, .notFound: 1
        case .usage, .bodyTooLarge, .unknownApp, .methodNotAllowed: 2
        case .notRunning: 3
        case .refused, .superseded, .forbidden, .unauthorized, .tooManyAttempts: 4
        case .rolledBack: 5
        case .timedOut: 6
        }
    }

    package var httpStatus: Int {
        switch self {
        case .usage: 400
        case .unauthorized: 401
        case .forbidden: 403
        case .unknownApp, .notFound: 404
        case .methodNotAllowed: 405
        case .refused, .superseded: 409
        case .bodyTooLarge: 413
        case .failed, .rolledBack: 422
        case .tooManyAttempts: 429
        case .internalError: 500
        case .notRunning: 503
        case .timedOut: 504
        }
    }
}

/// The body of every answer that is not a success, and what the client throws.
package struct ControlError: Error, Sendable, Codable, Equatable, CustomStringConvertible {
    package var code: ErrorCode
    /// One line that says what is wrong.
    package var message: String
    /// One line that says how to mend it.
    package var hint: String?
    /// Evidence, a line each.
    package var details: [String]

    package init(_ code: ErrorCode, _ message: String, hint: String? = nil, details: [String] = []) {
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details
    }

    package var description: String { message }

    package static let superseded = ControlError(
        .superseded, "Another core has just taken over.", hint: "Try it again.")
}
