import AdminAPI

/// What may be written into a web server's configuration. There is no quoting that both servers take back in every place, so
/// what would need any is refused, and what is left means itself.
enum SafeText {
    /// Absolute, without `$`, quotes, braces, wildcards and control characters. May have blanks: it is quoted.
    static func path(_ text: String, _ what: String) throws(ControlError) -> String {
        guard text.hasPrefix("/"), text.unicodeScalars.allSatisfy(isOfPath), !isClimbing(text) else {
            throw refusal(text, what, "It has to be absolute, of letters, digits, blanks and '/._-+@:=,~'.")
        }
        return trimmed(text)
    }

    /// In `unix:PATH` a colon and a bar end the path.
    static func socket(_ text: String) throws(ControlError) -> String {
        let path = try path(text, "the socket")
        guard path.unicodeScalars.allSatisfy({ !" :|,=~@+".unicodeScalars.contains($0) }), path.utf8.count <= 107 else {
            throw refusal(text, "the socket", "It has to be of letters, digits and '/._-', of 107 bytes at most.")
        }
        return path
    }

    /// `www.example.com` or `*.example.com`.
    static func serverName(_ text: String) throws(ControlError) -> String {
        let rest = text.hasPrefix("*.") ? text.dropFirst(2) : text[...]
        let isName = rest.unicodeScalars.allSatisfy { isPlain($0) || $0 == "." || $0 == "-" }
        guard isName, let first = rest.first, first != ".", first != "-", rest.utf8.count <= 253 else {
            throw refusal(text, "the server name", "For example: www.example.com, or *.example.com.")
        }
        return text.lowercased()
    }

    /// Without a slash at its end; `/` itself stays.
    static func baseURI(_ text: String) throws(ControlError) -> String {
        let isURI = text.unicodeScalars.allSatisfy { isPlain($0) || "/.-~".unicodeScalars.contains($0) }
        guard text.hasPrefix("/"), isURI, !text.contains("//"), !isClimbing(text) else {
            throw refusal(text, "the base URI", "For example: /shop.")
        }
        return trimmed(text)
    }

    /// An address to listen on; IPv6 in brackets or not.
    static func address(_ text: String) throws(ControlError) -> String {
        let bare = text.hasPrefix("[") && text.hasSuffix("]") ? text.dropFirst().dropLast() : text[...]
        guard !bare.isEmpty, bare.unicodeScalars.allSatisfy({ isPlain($0) || ".:-".unicodeScalars.contains($0) }) else {
            throw refusal(text, "the address", "For example: 127.0.0.1.")
        }
        return bare.contains(":") ? "[\(bare)]" : String(bare)
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)) || scalar == "_"
    }

    private static func isOfPath(_ scalar: Unicode.Scalar) -> Bool {
        // Above ASCII, but for the second row of control characters.
        isPlain(scalar) || " /.-+@:=,~".unicodeScalars.contains(scalar) || scalar.value > 0x9F
    }

    private static func isClimbing(_ text: String) -> Bool {
        text.split(separator: "/").contains { $0 == ".." || $0 == "." }
    }

    private static func trimmed(_ text: String) -> String {
        var text = text
        while text.count > 1, text.hasSuffix("/") { text.removeLast() }
        return text
    }

    private static func refusal(_ text: String, _ what: String, _ hint: String) -> ControlError {
        ControlError(.usage, "'\(text)' cannot be \(what) of a site.", hint: hint)
    }
}
