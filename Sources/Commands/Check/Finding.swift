/// One thing that `passenger check` looked at.
struct Finding: Encodable, Equatable {
    enum Level: String, Encodable { case ok, warning, error }
    var level: Level
    /// `open_files`, `port`, `clock`: stays the same whatever the words are.
    var check: String
    var message: String
    /// How to mend it.
    var mend: String?

    static func ok(_ check: String, _ message: String) -> Finding {
        Finding(level: .ok, check: check, message: message)
    }

    static func warning(_ check: String, _ message: String, mend: String) -> Finding {
        Finding(level: .warning, check: check, message: message, mend: mend)
    }

    static func error(_ check: String, _ message: String, mend: String) -> Finding {
        Finding(level: .error, check: check, message: message, mend: mend)
    }
}
