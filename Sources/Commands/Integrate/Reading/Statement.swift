/// One statement of a web server's configuration, with where it stands.
struct Statement: Sendable {
    struct Place: Sendable, Equatable, CustomStringConvertible {
        var file: String
        var line: Int
        /// Of what a macro of Apache's has put there: which, and where that has it.
        var origin: String?
        var description: String { "\(file):\(line)" + (origin.map { " (\($0))" } ?? "") }
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
    /// Lines of comment before it, or behind it on its line; each begins with its `#`.
    var comments: [String] = []
    /// Those below the last statement of a block.
    var after: [String] = []

    /// Also of what is in its block.
    var allComments: [String] { comments + (block ?? []).flatMap(\.allComments) + after }

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

/// A comment as it may be written into any of the files: one line, that nothing goes on after.
enum CommentText {
    static func line(_ text: some StringProtocol) -> String {
        var scalars = Array(text.unicodeScalars).map { scalar -> Unicode.Scalar in
            let isText =
                scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
                && !(0x2028...0x2029).contains(scalar.value)
            return isText ? scalar : " "
        }
        // Apache goes on with the next line after a backslash.
        while let last = scalars.last, last == " " || last == "\\" { scalars.removeLast() }
        var line = String.UnicodeScalarView()
        line.append(contentsOf: scalars)
        return String(line)
    }
}
