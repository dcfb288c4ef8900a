import AdminAPI
import AppConfig
import Glibc
import Linux

/// Reads a web server's configuration and what it includes, within limits. Nothing is evaluated and nothing is run.
struct ConfigurationFiles {
    let server: WebServer
    /// What was not read, and why.
    private(set) var notes: [ConversionNote] = []
    private var count = 0
    private var size = 0
    private var base = "/"
    private let userID: UInt32
    /// Apache's `Define`d names.
    private var defined: [String: String] = [:]
    private var macros = ApacheMacros()
    /// Those that are being expanded.
    private var using: [String] = []

    init(server: WebServer, userID: UInt32 = geteuid()) {
        self.server = server
        self.userID = userID
    }

    /// The file's statements. What includes others has theirs as its block, unless they were not read.
    mutating func read(_ path: String) throws(ControlError) -> [Statement] {
        base = Self.base(of: path)
        return try statements(of: path, depth: 0)
    }

    /// The kind of server that a file is for; nil when it could be either's.
    static func server(of text: String) -> WebServer? {
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.drop { $0 == " " || $0 == "\t" }
            if line.hasPrefix("#") { continue }
            if line.hasPrefix("<") { return .apache }
            let word = line.prefix { $0 != " " && $0 != "\t" && $0 != "{" && $0 != ";" }
            if word.hasPrefix("passenger_") || ["server", "http", "events", "upstream", "map"].contains(word) {
                return .nginx
            }
            if word.lowercased().hasPrefix("passenger") { return .apache }
        }
        return nil
    }

    static func text(of path: String) throws(SystemError) -> String {
        // O_NONBLOCK: opening a FIFO must not wait for its writer.
        let file = try openFile(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        var status = stat()
        guard fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw SystemError(call: "read", errno: EINVAL, subject: path)
        }
        return String(decoding: try readAll(file.number, limit: ReadingLimit.fileSize), as: UTF8.self)
    }

    private mutating func statements(of path: String, depth: Int) throws(ControlError) -> [Statement] {
        let text: String
        do throws(SystemError) {
            text = try Self.text(of: path)
        } catch {
            throw ControlError(.failed, "\(path) cannot be read: \(error.reason).")
        }
        size += text.utf8.count
        count += 1
        guard size <= ReadingLimit.allFiles, count < ReadingLimit.files else {
            throw ControlError(.failed, "\(path): too much is included to be a configuration.")
        }
        let own: [Statement]
        do throws(SyntaxFailure) {
            own =
                server == .nginx
                ? try NginxSyntax.statements(text, file: path) : try ApacheSyntax.statements(text, file: path)
        } catch {
            throw ControlError(.usage, "\(error.place): \(error.reason).")
        }
        return try included(own, depth: depth)
    }

    private mutating func included(_ statements: [Statement], depth: Int) throws(ControlError) -> [Statement] {
        var whole: [Statement] = []
        for var statement in statements {
            if server == .apache {
                // Its lines are read where it is used.
                if macros.note(statement) {
                    whole.append(statement)
                    continue
                }
                if statement.isNamed("Use") {
                    substitute(&statement)
                    whole += try used(statement, depth: depth)
                    continue
                }
            }
            if let block = statement.block { statement.block = try included(block, depth: depth) }
            note(defining: statement)
            substitute(&statement)
            guard isInclude(statement), let pattern = statement.words.first else {
                whole.append(statement)
                continue
            }
            guard depth < ReadingLimit.includeDepth else {
                notes.append(.init(statement.place, "not read: files include each other too deep"))
                whole.append(statement)
                continue
            }
            var inner: [Statement] = []
            for path in paths(pattern) {
                if let objection = objection(to: path) {
                    notes.append(.init(statement.place, "\(path) is not read: \(objection)"))
                    continue
                }
                inner += try self.statements(of: path, depth: depth + 1)
            }
            if !inner.isEmpty { statement.block = inner }
            whole.append(statement)
        }
        return whole
    }

    /// What a macro makes there. One that cannot be expanded stays as it is.
    private mutating func used(_ use: Statement, depth: Int) throws(ControlError) -> [Statement] {
        let name = use.words.first?.lowercased() ?? ""
        guard using.count < ReadingLimit.includeDepth, !using.contains(name) else {
            notes.append(.init(use.place, "the macro '\(name)' uses itself"))
            return [use]
        }
        let (expansion, statements) = macros.expand(use)
        if case .left(let reason) = expansion {
            notes.append(.init(use.place, reason))
            return [use]
        }
        using.append(name)
        defer { using.removeLast() }
        var made = try included(statements, depth: depth)
        if made.isEmpty { return [] }
        made[0].comments = use.comments + made[0].comments
        made[made.count - 1].after += use.after
        return made
    }

    private func isInclude(_ statement: Statement) -> Bool {
        server == .nginx
            ? statement.name == "include" : statement.isNamed("Include") || statement.isNamed("IncludeOptional")
    }

    /// Whoever can put a file there decides what is read, by a link too: root reads what root alone can have put there.
    private func objection(to path: String) -> String? {
        guard let real = realpath(path, nil) else { return "there is no such file" }
        defer { free(real) }
        let target = String(cString: real)
        for place in [path, target] {
            if let reason = PathTrust.objection(to: place, user: userID) { return reason }
        }
        return nil
    }

    private func paths(_ pattern: String) -> [String] {
        let path = pattern.hasPrefix("/") ? pattern : "\(base)/\(pattern)"
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(path, GLOB_NOMAGIC, nil, &found) == 0 else { return [] }
        return (0..<min(Int(found.gl_pathc), ReadingLimit.files)).flatMap { index -> [String] in
            guard let path = found.gl_pathv[index].map({ String(cString: $0) }) else { return [] }
            var status = stat()
            // Apache reads a directory's files; what is no regular file says so when it is opened.
            guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return [path] }
            return server == .apache ? paths("\(path)/*") : []
        }
    }

    /// Relative paths are meant from the main configuration's directory, above those that hold sites.
    private static func base(of path: String) -> String {
        var parts = path.split(separator: "/").dropLast()
        if let last = parts.last, last.hasPrefix("sites-") || last.hasPrefix("conf") || last.hasPrefix("mods-") {
            parts.removeLast()
        }
        return "/" + parts.joined(separator: "/")
    }

    // MARK: Apache's Define

    private mutating func note(defining statement: Statement) {
        guard server == .apache else { return }
        if statement.isNamed("ServerRoot"), let root = statement.words.first { base = root }
        if statement.isNamed("Define"), let name = statement.words.first {
            defined[name] = statement.words.dropFirst().first ?? ""
        }
    }

    private func substitute(_ statement: inout Statement) {
        guard server == .apache, statement.written.contains("${") else { return }
        for (name, value) in defined {
            statement.words = statement.words.map { $0.replacing("${\(name)}", with: value) }
        }
    }
}

/// Something that a person should know about what was made of a configuration.
struct ConversionNote: Equatable, Sendable, CustomStringConvertible {
    var place: Statement.Place
    var text: String

    init(_ place: Statement.Place, _ text: String) {
        self.place = place
        self.text = text
    }

    var description: String { "\(place): \(text)" }
}
