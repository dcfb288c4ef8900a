/// Apache's language: a statement a line, sections in angle brackets, lines that go on after a backslash. Pure.
struct ApacheSyntax {
    /// Statements from the top, and each section that is open, outermost first.
    private struct Open {
        var section: Statement?
        var statements: [Statement] = []
    }

    static func statements(_ text: String, file: String) throws(SyntaxFailure) -> [Statement] {
        var open = [Open()]
        var count = 0
        var comments: [String] = []
        for (line, number) in logicalLines(text) {
            let place = Statement.Place(file: file, line: number)
            func failure(_ reason: String) -> SyntaxFailure { SyntaxFailure(place: place, reason: reason) }
            count += 1
            guard count <= ReadingLimit.statements else { throw failure("there are too many statements") }
            guard !line.hasPrefix("#") else {
                comments.append(CommentText.line(line))
                continue
            }
            if line.hasPrefix("</") {
                let name = line.dropFirst(2).prefix { $0 != ">" && $0 != " " }
                guard line.hasSuffix(">"), let last = open.popLast(), var section = last.section,
                    section.isNamed(String(name))
                else { throw failure("'\(line)' closes nothing") }
                section.block = last.statements
                section.takeLast(&comments)
                open[open.count - 1].statements.append(section)
            } else if line.hasPrefix("<") {
                guard line.hasSuffix(">") else { throw failure("'\(line)' has no '>'") }
                guard open.count <= ReadingLimit.blockDepth else { throw failure("sections lie too deep") }
                open.append(Open(section: statement(String(line.dropFirst().dropLast()), place, &comments)))
            } else {
                open[open.count - 1].statements.append(statement(line, place, &comments))
            }
        }
        guard open.count == 1 else {
            let section = open.last?.section
            throw SyntaxFailure(
                place: section?.place ?? .init(file: file, line: 1),
                reason: "<\(section?.name ?? "")> is not closed")
        }
        guard !open[0].statements.isEmpty else { return [] }
        open[0].statements[open[0].statements.count - 1].after += comments
        return open[0].statements
    }

    /// Without empty lines and blanks around; with the number of the first line of each.
    private static func logicalLines(_ text: String) -> [(text: String, number: Int)] {
        var lines: [(String, Int)] = []
        var rest = ""
        var first = 0
        // To Swift the two of them are one character.
        let text = text.replacing("\r\n", with: "\n")
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if rest.isEmpty { first = index + 1 }
            if line.hasSuffix("\\") {
                rest += line.dropLast()
                continue
            }
            let whole = trimmed(rest + line)
            rest = ""
            if !whole.isEmpty { lines.append((whole, first)) }
        }
        let whole = trimmed(rest)
        if !whole.isEmpty { lines.append((whole, first)) }
        return lines
    }

    private static func trimmed(_ text: String) -> String {
        let start = text.drop { isBlank($0) }
        return String(String(start.reversed().drop { isBlank($0) }).reversed())
    }

    private static func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }

    private static func statement(
        _ line: String, _ place: Statement.Place, _ comments: inout [String]
    ) -> Statement {
        var statement = statement(line, place)
        statement.comments = comments
        comments = []
        return statement
    }

    static func statement(_ line: String, _ place: Statement.Place) -> Statement {
        let name = line.prefix { !isBlank($0) }
        let rest = trimmed(String(line.dropFirst(name.count)))
        return Statement(name: String(name), words: words(rest), written: rest, block: nil, place: place)
    }

    /// As Apache takes arguments apart: quotes hold one together, and a backslash in them spares a quote or a backslash.
    static func words(_ text: String) -> [String] {
        var words: [String] = []
        var rest = text[...]
        while let first = rest.first {
            if isBlank(first) {
                rest.removeFirst()
            } else if first == "\"" || first == "'" {
                rest.removeFirst()
                var word = ""
                while let character = rest.popFirst(), character != first {
                    if character == "\\", let next = rest.first, next == first || next == "\\" {
                        rest.removeFirst(); word.append(next)
                    } else {
                        word.append(character)
                    }
                }
                words.append(word)
            } else {
                let word = rest.prefix { !isBlank($0) }
                words.append(String(word))
                rest = rest.dropFirst(word.count)
            }
        }
        return words
    }
}

extension Statement {
    /// What stands below its last statement, or in an empty block.
    fileprivate mutating func takeLast(_ comments: inout [String]) {
        if let count = block?.count, count > 0 {
            block?[count - 1].after += comments
        } else {
            self.comments += comments
        }
        comments = []
    }
}
