/// What an answer was, as it is counted.
package enum StatusClass: Int, Sendable, CaseIterable {
    /// The client left before there was an answer.
    case aborted
    case informational, success, redirection, clientError, serverError

    /// - Parameter status: 0 for none.
    package init(status: Int) {
        self = StatusClass(rawValue: max(0, min(status / 100, 5))) ?? .aborted
    }

    /// As a label.
    package var text: String { self == .aborted ? "aborted" : "\(rawValue)xx" }
}
