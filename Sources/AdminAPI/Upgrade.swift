/// `POST /upgrade`.
package struct UpgradeRequest: Sendable, Codable, Equatable {
    package init() {}
}

/// Answer to `POST /upgrade`: a core of the program that is installed now serves. Versions of before and after, which are the
/// same where only the program's file was another.
package struct UpgradeAnswer: Sendable, Codable, Equatable {
    package var from: String
    package var to: String

    package init(from: String, to: String) {
        self.from = from
        self.to = to
    }
}
