/// One statement of a web server's configuration, with where it stands.
struct Statement: Sendable {
    struct Place: Sendable, Equatable, CustomStringConvertible {
        var file: String
        var line: Int
        var description: String { "\(file):\(line)" }
    }

    /// `server`, `passenger_enabled`; of Apache's sections without the bracket.
    var name: String
    /// Its arguments, without quotes and escapes.
    var words: [String]
    /// Its arguments as they were written, to write them again.
    var written: String
    /// What is in its block or section; nil when it has none.
    var block: [Statement]?
    var place: Place

    func isNamed(_ other: String) -> Bool { name.lowercased() == other.lowercased() }
}

/// Why a configuration cannot be read.
struct SyntaxFailure: Error, Equatable {
    var place: Statement.Place
    var reason: String
}

/// What a file of strangers may ask of a reader.
enum ReadingLimit {
    static let fileSize = 1 << 20
    static let allFiles = 8 << 20
    static let files = 500
    static let includeDepth = 16
    /// Of blocks in blocks.
    static let blockDepth = 64
    static let statements = 100_000
}
