package import Model

/// Answer to `GET /apps/{app}/env`, with `?values=true` also what they hold.
package struct EnvironmentAnswer: Sendable, Codable, Equatable {
    package var app: AppName
    /// Of the file that is in force; nil when none was written by `passenger env` yet.
    package var version: Int?
    package var names: [String]
    package var values: [String: String]?
    /// The whole file, comments and all; nil when there is none.
    package var text: String?
    package init(app: AppName, version: Int?, names: [String]) {
        self.app = app
        self.version = version
        self.names = names
    }
}

/// `POST /apps/{app}/env`: either single variables or the whole text.
package struct EnvironmentRequest: Sendable, Codable, Equatable {
    package var set: [String: String] = [:]
    package var unset: [String] = []
    package var text: String?
    /// With `text`: what it was made from. Refused when the file is another by now.
    package var replacing: String?
    package var origin: RequestOrigin?
    package init() {}

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        set = try container.decodeIfPresent([String: String].self, forKey: .set) ?? [:]
        unset = try container.decodeIfPresent([String].self, forKey: .unset) ?? []
        text = try container.decodeIfPresent(String.self, forKey: .text)
        replacing = try container.decodeIfPresent(String.self, forKey: .replacing)
        origin = try container.decodeIfPresent(RequestOrigin.self, forKey: .origin)
    }
}

/// Answer to it. The restart proves the change; when it fails, the file before is put back.
package struct EnvironmentChange: Sendable, Codable, Equatable {
    package var app: AppName
    /// Nil when nothing was changed.
    package var version: Int?
    /// Nil when nothing is live that could prove it.
    package var operation: OperationID?
    package init(app: AppName, version: Int?, operation: OperationID? = nil) {
        self.app = app
        self.version = version
        self.operation = operation
    }
}
