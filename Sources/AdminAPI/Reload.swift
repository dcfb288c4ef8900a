package import Model

/// Answer to `POST /reload`: the new configuration holds. Restarts are under way, each an operation to be followed.
package struct ReloadAnswer: Sendable, Codable, Equatable {
    package var added: [AppName] = []
    package var removed: [AppName] = []
    /// New generations of apps whose settings are others than those of the live one. Apps that are not in here were not
    /// touched.
    package var restarts: [OperationAccepted] = []
    /// Apps that go on as they were, and why.
    package var problems: [String] = []
    /// All that is listened on now.
    package var listeners: [String] = []
    package var warnings: [String] = []
    package init() {}
}

/// `POST /reload`.
package struct ReloadRequest: Sendable, Codable, Equatable {
    package init() {}
}
