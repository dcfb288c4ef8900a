/// What a line of the log is about: fields of their own in JSON, part of the message in text.
package enum LogField: String, CaseIterable, Sendable {
    case app, generation, worker, companion, deploy, operation
    /// Of the request that an error page went out for, and of that page.
    case requestID = "request_id"
    case errorID = "error_id"
    /// Of an app's output: `stdout` or `stderr`.
    case stream
    /// Of a failure: where it happened, more about it, what was said last, what to do.
    case step, details, output, hint
}
