/// nginx' language: words, `;`, blocks in braces, comments. Pure.
struct NginxSyntax {
    private let bytes: [UInt8]
    private let file: String
    private var at = 0
    private var line = 1
    private var count = 0
    /// Comments that no statement has yet: of the next one, and of the one that has ended on their line.
    private var comments: [String] = []
    private var lateComments: [String] = []
    private var endLine: Int?

    private enum Token {
        case word(text: String, written: String)
        case semicolon, open, close, end
    }

    static func statements(_ text: String, file: String) throws(SyntaxFailure) -> [Statement] {
        var syntax = NginxSyntax(bytes: Array(text.utf8), file: file)
        return try syntax.block(depth: 0)
    }

    private init(bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
    }

    private mutating func block(depth: Int) throws(SyntaxFailure) -> [Statement] {
        guard depth <= ReadingLimit.blockDepth else { throw failure("blocks lie too deep") }
        var statements: [Statement] = []
        var words: [(text: String, written: String)] = []
        var place = here
        var own: [String] = []
        while true {
            let token = try next()
            if !statements.isEmpty {
                statements[statements.count - 1].comments += lateComments
                lateComments = []
            }
            switch token {
            case .word(let text, let written):
                if words.isEmpty {
                    place = here
                    own = comments
                    comments = []
                }
                words.append((text, written))
            case .semicolon:
                // nginx takes no empty statement; it does no harm here.
                if let statement = statement(words, nil, place, own) { statements.append(statement) }
                words = []
                endLine = line
            case .open:
                guard !words.isEmpty else { throw failure("a block has no name") }
                let inner = try block(depth: depth + 1)
                if let statement = statement(words, inner, place, own) { statements.append(statement) }
                words = []
                endLine = line
            case .close:
                guard depth > 0 else { throw failure("a '}' closes nothing") }
                guard words.isEmpty else { throw failure("'\(words[0].text)' has no ';'") }
                return ended(statements)
            case .end:
                guard words.isEmpty else { throw failure("'\(words[0].text)' has no ';'") }
                guard depth == 0 else { throw failure("a block is not closed") }
                return ended(statements)
            }
            guard count <= ReadingLimit.statements else { throw failure("there are too many statements") }
        }
    }

    /// A block without statements leaves its comments to what comes after it.
    private mutating func ended(_ statements: [Statement]) -> [Statement] {
        guard !statements.isEmpty else { return [] }
        var statements = statements
        statements[statements.count - 1].after += comments
        comments = []
        return statements
    }

    private mutating func statement(
        _ words: [(text: String, written: String)], _ block: [Statement]?, _ place: Statement.Place,
        _ comments: [String]
    ) -> Statement? {
        count += 1
        guard let name = words.first else { return nil }
        return Statement(
            name: name.text, words: words.dropFirst().map(\.text),
            written: words.dropFirst().map(\.written).joined(separator: " "), block: block, place: place,
            comments: comments)
    }

    private mutating func comment() {
        let start = at
        while let byte = peek, byte != UInt8(ascii: "\n") { at += 1 }
        let text = CommentText.line(String(decoding: bytes[start..<at], as: UTF8.self))
        if endLine == line { lateComments.append(text) } else { comments.append(text) }
    }

    private mutating func next() throws(SyntaxFailure) -> Token {
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\n"):
                line += 1
                at += 1
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): at += 1
            case UInt8(ascii: "#"): comment()
            case UInt8(ascii: ";"):
                at += 1
                return .semicolon
            case UInt8(ascii: "{"):
                at += 1
                return .open
            case UInt8(ascii: "}"):
                at += 1
                return .close
            case UInt8(ascii: "\""), UInt8(ascii: "'"): return try quoted(byte)
            default: return bare()
            }
        }
        return .end
    }

    private mutating func quoted(_ quote: UInt8) throws(SyntaxFailure) -> Token {
        let start = at
        let first = line
        var text: [UInt8] = []
        at += 1
        while let byte = peek, byte != quote {
            if byte == UInt8(ascii: "\n") { line += 1 }
            escape(byte, &text)
        }
        guard peek == quote else {
            throw SyntaxFailure(place: .init(file: file, line: first), reason: "a quote is not closed")
        }
        at += 1
        return word(text, start)
    }

    private mutating func bare() -> Token {
        let start = at
        var text: [UInt8] = []
        while let byte = peek {
            // `${name}` is one word; any other brace begins a block.
            if byte == UInt8(ascii: "{"), text.last == UInt8(ascii: "$") {
                while let inner = peek, inner != UInt8(ascii: "}"), inner != UInt8(ascii: "\n") {
                    text.append(inner)
                    at += 1
                }
                continue
            }
            let isEnd = [" ", "\t", "\r", "\n", ";", "{"].contains { byte == UInt8(ascii: $0) }
            if isEnd { break }
            escape(byte, &text)
        }
        return word(text, start)
    }

    /// A backslash takes its meaning from quotes, blanks and braces; before anything else it is one itself.
    private mutating func escape(_ byte: UInt8, _ text: inout [UInt8]) {
        at += 1
        guard byte == UInt8(ascii: "\\"), let next = peek else { return text.append(byte) }
        switch next {
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"): text.append(next)
        case UInt8(ascii: "n"): text.append(UInt8(ascii: "\n"))
        case UInt8(ascii: "r"): text.append(UInt8(ascii: "\r"))
        case UInt8(ascii: "t"): text.append(UInt8(ascii: "\t"))
        default: text += [byte, next]
        }
        if next == UInt8(ascii: "\n") { line += 1 }
        at += 1
    }

    private func word(_ text: [UInt8], _ start: Int) -> Token {
        .word(text: String(decoding: text, as: UTF8.self), written: String(decoding: bytes[start..<at], as: UTF8.self))
    }

    private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }
    private var here: Statement.Place { .init(file: file, line: line) }
    private func failure(_ reason: String) -> SyntaxFailure { SyntaxFailure(place: here, reason: reason) }
}
