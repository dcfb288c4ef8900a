/// Words as a POSIX shell takes them apart ("Shell Command Language", 2.2 Quoting). An ssh client joins its words with
/// blanks and the login shell on the host splits them again, so each has to be quoted for it.
package enum ShellWords {
    package static func quoted(_ words: [String]) -> String { words.map(quoted).joined(separator: " ") }

    private static func quoted(_ word: String) -> String {
        if !word.isEmpty, word.unicodeScalars.allSatisfy(isPlain) { return word }
        return "'" + word.replacing("'", with: #"'\''"#) + "'"
    }

    /// The words of a command line; nil when a shell would do more with it than take it apart: expand, redirect, begin
    /// another command.
    package static func split(_ line: String) -> [String]? {
        var words: [String] = []
        var word: String.UnicodeScalarView?
        var rest = line.unicodeScalars.makeIterator()
        while let scalar = rest.next() {
            switch scalar {
            case " ", "\t":
                if let word { words.append(String(word)) }
                word = nil
            case "'":
                guard let text = singleQuoted(&rest) else { return nil }
                word = (word ?? .init()) + text
            case "\"":
                guard let text = doubleQuoted(&rest) else { return nil }
                word = (word ?? .init()) + text
            case "\\":
                guard let next = rest.next(), next != "\n", next != "\0" else { return nil }
                word = (word ?? .init()) + CollectionOfOne(next)
            case _ where isPlain(scalar): word = (word ?? .init()) + CollectionOfOne(scalar)
            default: return nil
            }
        }
        if let word { words.append(String(word)) }
        return words
    }

    /// What means itself wherever it stands.
    private static func isPlain(_ scalar: UnicodeScalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "-", ".", "/", ":", "@", "%", "+", ",", "=": true
        default: false
        }
    }

    private static func singleQuoted(
        _ rest: inout String.UnicodeScalarView.Iterator
    ) -> String.UnicodeScalarView? {
        var text = String.UnicodeScalarView()
        while let scalar = rest.next() {
            if scalar == "'" { return text }
            guard scalar != "\0" else { return nil }
            text.append(scalar)
        }
        return nil
    }

    private static func doubleQuoted(
        _ rest: inout String.UnicodeScalarView.Iterator
    ) -> String.UnicodeScalarView? {
        var text = String.UnicodeScalarView()
        while let scalar = rest.next() {
            switch scalar {
            case "\"": return text
            case "$", "`", "\0": return nil
            case "\\":
                guard let next = rest.next() else { return nil }
                if !"$`\"\\".unicodeScalars.contains(next) { text.append("\\") }
                text.append(next)
            default: text.append(scalar)
            }
        }
        return nil
    }
}
