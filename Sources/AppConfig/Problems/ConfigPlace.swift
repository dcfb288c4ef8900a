/// One of the places that configuration comes from (FEATURES section 1). Files carry their absolute path.
package enum ConfigSource: Sendable, Codable, Equatable, Hashable {
    case flag
    case environment
    case serverFile(String)
    case deployRootFile(String)
    case releaseFile(String)
    /// The Passengerfile of a directory that is served as it stands.
    case inPlaceFile(String)
    /// Nobody set the value: the built-in default, or what a rule derived from the machine.
    case standard

    /// Absolute path of the file, if the source is one.
    package var file: String? {
        switch self {
        case .serverFile(let path), .deployRootFile(let path), .releaseFile(let path), .inPlaceFile(let path): path
        case .flag, .environment, .standard: nil
        }
    }

    /// Whether whoever wrote the value is the server's operator, and not just the author of one app.
    package var belongsToOperator: Bool {
        switch self {
        case .flag, .environment, .serverFile, .standard: true
        case .deployRootFile, .releaseFile, .inPlaceFile: false
        }
    }
}

/// Where one value was written. Lines and columns count from 1; both are nil where there are none.
package struct ConfigPlace: Sendable, Codable, Equatable, Hashable, CustomStringConvertible {
    package var source: ConfigSource
    /// The flag (`--health-path`) or variable (`PASSENGER_HEALTH_PATH`) as the user would write it; nil for files.
    package var label: String?
    package var line: Int?
    package var column: Int?

    package init(source: ConfigSource, label: String? = nil, line: Int? = nil, column: Int? = nil) {
        self.source = source
        self.label = label
        self.line = line
        self.column = column
    }

    package static let standard = ConfigPlace(source: .standard)

    package var description: String {
        guard let file = source.file else { return label ?? "default" }
        guard let line else { return file }
        return "\(file):\(line):\(column ?? 1)"
    }
}
