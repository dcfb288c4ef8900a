extension String {
    /// One line that can be shown anywhere: what a build writes may hold escape sequences, carriage returns and bells,
    /// which would draw over our own lines. Sequences go, other control characters too, a tab becomes blanks.
    package var showable: String {
        guard !isPlain else { return self }
        var result = String.UnicodeScalarView()
        var scalars = unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            switch scalar {
            case "\u{1B}": String.skipSequence(&scalars)
            case "\t": result.append(contentsOf: "    ".unicodeScalars)
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}": continue
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    /// Printable ASCII, as nearly all text is: each byte is one character, and none needs to be looked up.
    private var isPlain: Bool { utf8.allSatisfy { (0x20..<0x7F).contains($0) } }

    /// How many characters it is.
    var width: Int { isPlain ? utf8.count : count }

    /// Without the blanks at its end.
    var withoutBlanksAtEnd: String { String(dropLast(utf8.reversed().prefix { $0 == 0x20 }.count)) }

    /// After an ESC: a control sequence up to its final byte, a string sequence up to its terminator, or one character.
    private static func skipSequence(_ scalars: inout String.UnicodeScalarView.Iterator) {
        switch scalars.next() {
        case "[":
            while let scalar = scalars.next(), !("\u{40}"..."\u{7E}").contains(scalar) {}
        case "]", "P", "^", "_":
            while let scalar = scalars.next(), scalar != "\u{7}", scalar != "\u{9C}" {
                if scalar == "\u{1B}" {
                    _ = scalars.next()
                    return
                }
            }
        default: return
        }
    }

    /// At most `width` characters; what is cut off leaves a mark.
    package func fitted(to width: Int, unicode: Bool = true) -> String {
        guard self.width > width else { return self }
        let mark = unicode ? "…" : "..."
        return width > mark.count ? prefix(width - mark.count) + mark : String(prefix(Swift.max(0, width)))
    }

    package func padded(to width: Int, alignment: Alignment = .left) -> String {
        let padding = String(repeating: " ", count: Swift.max(0, width - self.width))
        return alignment == .left ? self + padding : padding + self
    }
}

package enum Alignment: Sendable { case left, right }
