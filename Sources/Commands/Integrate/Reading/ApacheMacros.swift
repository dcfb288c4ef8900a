/// mod_macro's macros: lines with parameters, put where they are used. Pure.
struct ApacheMacros {
    private struct Macro {
        var name: String
        var parameters: [String]
        var body: [Statement]
        var place: Statement.Place
    }

    enum Expansion: Equatable {
        case statements
        /// It stays as it is, for this reason.
        case left(String)
    }

    private var macros: [String: Macro] = [:]
    /// Statements that were made, and bytes in them.
    private var count = 0
    private var size = 0
    private var isTooMuch: Bool { count > ReadingLimit.statements || size > ReadingLimit.allFiles }

    /// Whether a statement is about macros; if so, what it defines is known from here on.
    mutating func note(_ statement: Statement) -> Bool {
        if statement.isNamed("UndefMacro"), let name = statement.words.first {
            macros[name.lowercased()] = nil
            return true
        }
        guard statement.isNamed("Macro"), let body = statement.block, let name = statement.words.first else {
            return false
        }
        macros[name.lowercased()] = Macro(
            name: name, parameters: Array(statement.words.dropFirst()), body: body, place: statement.place)
        return true
    }

    /// What `Use` stands for. A macro in another is its caller's to expand, and to keep from going round.
    mutating func expand(_ use: Statement) -> (Expansion, [Statement]) {
        guard let name = use.words.first, let macro = macros[name.lowercased()] else {
            return (.left("the macro '\(use.words.first ?? "")' is not found here: what it says is not looked at"), [])
        }
        let arguments = Array(use.words.dropFirst())
        guard arguments.count == macro.parameters.count else {
            return (
                .left("the macro '\(name)' takes \(macro.parameters.count) arguments, and gets \(arguments.count)"), []
            )
        }
        // The longest name first: one may begin another.
        let values = zip(macro.parameters, arguments).sorted { $0.0.count > $1.0.count }
        var place = use.place
        place.origin = "macro \(macro.name), \(macro.place.file):"
        let lines = macro.body.compactMap { made($0, values, place) }
        guard lines.count == macro.body.count else {
            return (.left("macros make too many statements"), [])
        }
        return (.statements, lines)
    }

    /// Nil when there are too many.
    private mutating func made(
        _ statement: Statement, _ values: [(String, String)], _ place: Statement.Place
    ) -> Statement? {
        let line = Self.filled("\(statement.name) \(statement.written)", values)
        count += 1
        size += line.utf8.count
        guard !isTooMuch else { return nil }
        var own = place
        own.origin = place.origin.map { "\($0)\(statement.place.line)" }
        var filled = ApacheSyntax.statement(line, own)
        filled.comments = statement.comments.map { CommentText.line(Self.filled($0, values)) }
        filled.after = statement.after.map { CommentText.line(Self.filled($0, values)) }
        guard let block = statement.block else { return filled }
        var inner: [Statement] = []
        for statement in block {
            guard let whole = made(statement, values, place) else { return nil }
            inner.append(whole)
        }
        filled.block = inner
        return filled
    }

    /// From left to right, and what was put in is not looked at again.
    private static func filled(_ text: String, _ values: [(String, String)]) -> String {
        guard !values.isEmpty else { return text }
        var filled = ""
        var rest = text[...]
        while !rest.isEmpty {
            if let (name, value) = values.first(where: { !$0.0.isEmpty && rest.hasPrefix($0.0) }) {
                filled += value
                rest = rest.dropFirst(name.count)
            } else {
                filled.append(rest.removeFirst())
            }
        }
        return filled
    }
}
