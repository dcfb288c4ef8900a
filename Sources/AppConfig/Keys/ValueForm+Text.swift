import Glibc
import Model

extension ValueForm where Value == String {
    /// Any text but the empty one.
    static func text(_ example: String) -> ValueForm {
        .scalar("text", example: example) { $0.isEmpty ? nil : $0 }
    }

    /// A user, host or environment name: text on one line without blanks.
    static func name(_ what: String, _ example: String) -> ValueForm {
        .scalar(what, example: example) { text in
            !text.isEmpty && text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F } ? text : nil
        }
    }

    /// What becomes a part of file names.
    static func identifier(_ example: String) -> ValueForm {
        .scalar("a name of letters, digits, '.', '_' and '-'", example: example) { AppName($0)?.rawValue }
    }

    /// Made absolute from where it was written.
    static func path(_ example: String) -> ValueForm {
        ValueForm(expected: "a path", example: example) { node, base throws(WrongForm) in
            let text = try node.scalarText()
            guard !text.isEmpty else { throw WrongForm(node) }
            return FilePath.join(base, text)
        }
    }

    /// Kept relative: it is meant from the app's directory, whichever release that will be.
    static func pathInApp(_ example: String) -> ValueForm {
        .scalar("a path inside the app's directory", example: example, parse: relativeInside)
    }

    /// A program: a bare name is for PATH to find, anything with a slash is a path.
    static func program(_ example: String) -> ValueForm {
        ValueForm(expected: "a program's name or path", example: example) { node, base throws(WrongForm) in
            let text = try node.scalarText()
            guard !text.isEmpty else { throw WrongForm(node) }
            return text.contains("/") ? FilePath.join(base, text) : text
        }
    }

    static var urlPath: ValueForm {
        .scalar("a path that starts with '/'", example: "/up") { text in
            // It is put into a request line as it is.
            text.hasPrefix("/") && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } ? text : nil
        }
    }

    /// An address or CIDR range, checked here so that a typing error is not a proxy that is silently not trusted.
    static var network: ValueForm {
        .scalar("an IP address or range", example: "10.0.0.0/8") { text in
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard let address = parts.first.map(String.init), let bits = addressBits(address) else { return nil }
            if parts.count == 1 { return text }
            guard parts.count == 2, let prefix = Int(parts[1]), (0...bits).contains(prefix) else { return nil }
            return text
        }
    }

    private static func addressBits(_ address: String) -> Int? {
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, address, &four) == 1 { return 32 }
        return inet_pton(AF_INET6, address, &six) == 1 ? 128 : nil
    }

    /// Normalized, or nil for what is absolute, climbs out with `..`, or is the directory itself.
    static func relativeInside(_ text: String) -> String? {
        guard !text.isEmpty, !text.hasPrefix("/") else { return nil }
        let path = FilePath.normalized(text)
        return path == "." || path == ".." || path.hasPrefix("../") ? nil : path
    }
}

extension ValueForm {
    /// A list of an element form; one value alone is a list of one.
    static func list<Element: Sendable>(
        of element: ValueForm<Element>, shape: ValueShape = .list, expected: String, example: String
    ) -> ValueForm where Value == [Element] {
        ValueForm(shape: shape, expected: expected, example: example) { node, base throws(WrongForm) in
            let nodes: [ConfigNode]
            switch node.content {
            case .list(let items): nodes = items
            case .scalar: nodes = [node]
            case .null, .map: throw WrongForm(node)
            }
            var values: [Element] = []
            for node in nodes { values.append(try element.read(node, base)) }
            return values
        }
    }
}

extension ValueForm where Value == [String] {
    static var commands: ValueForm {
        .list(
            of: .text("npm ci"), shape: .commands, expected: "a shell command or a list of them",
            example: "[\"bundle install\", \"npm ci\"]")
    }
}

extension ValueForm where Value == [String: String] {
    /// Names to texts. `isName` and `isValue` decide which there may be.
    static func map(
        expected: String, example: String, isName: @escaping @Sendable (String) -> Bool,
        isValue: @escaping @Sendable (String) -> Bool = { _ in true }
    ) -> ValueForm {
        ValueForm(shape: .map, expected: expected, example: example) { node, _ throws(WrongForm) in
            guard case .map(let members) = node.content else { throw WrongForm(node) }
            var values: [String: String] = [:]
            for member in members {
                let name = ConfigNode(.scalar(member.name), at: member.place)
                guard isName(member.name) else {
                    throw WrongForm(name, "'\(member.name.shortened(to: 60))' is not a legal name")
                }
                let text = try member.value.scalarText()
                guard isValue(text) else { throw WrongForm(member.value, "contains a control character") }
                values[member.name] = text
            }
            return values
        }
    }

    static var variables: ValueForm {
        map(
            expected: "a mapping of variable names to values", example: "{RAILS_LOG_LEVEL: warn}",
            isName: { DotEnv.isName($0) })
    }

    /// Field names by RFC 9110 section 5.1.
    static var headers: ValueForm {
        map(
            expected: "a mapping of header names to values", example: "{X-Forwarded-Proto: https}",
            isName: HTTPText.isToken,
            // A line end here would be a header, or a request, of the value's own making.
            isValue: { $0.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 } })
    }
}
