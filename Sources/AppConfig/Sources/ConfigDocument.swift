import Yams

/// YAML, and so JSON, into `ConfigNode`s with the line and column of everything.
enum ConfigDocument {
    /// No key needs more; text that nests for its own sake would cost stack.
    static let maximumDepth = 32
    /// Counted with every use of an alias, so that a few anchors cannot stand for millions of values.
    static let maximumNodes = 50_000
    /// Yams hashes mapping keys with all that their aliases stand for, before we can count. With few aliases in the text
    /// that stays small whatever they refer to (16 of them multiply a document by about 300 at the very most).
    static let maximumAliases = 16

    /// Nil when the text has no value in it: empty, or comments only.
    static func parse(_ text: String, at place: ConfigPlace) throws(ConfigError) -> ConfigNode? {
        try refuseAliasBomb(text, place)
        let root: Node?
        do {
            // All scalars are text to us, and to the search for duplicate keys. The encoding is named because Yams would
            // otherwise take it from a variable, and print that it did.
            root = try Parser(yaml: text, resolver: .basic, constructor: .default, encoding: .utf8).singleRoot()
        } catch {
            throw ConfigError(problem(error, text, place))
        }
        guard let root else { return nil }
        var converter = Converter(place: place)
        let node = try converter.convert(root, depth: 0)
        if case .null = node.content { return nil }
        return node
    }

    private static func refuseAliasBomb(_ text: String, _ place: ConfigPlace) throws(ConfigError) {
        guard text.utf8.contains(UInt8(ascii: "&")), text.utf8.contains(UInt8(ascii: "*")) else { return }
        var aliases = 0
        var line = 1
        // An alias can only be where a value or key begins.
        var isStart = true
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                if byte == UInt8(ascii: "\n") { line += 1 }
                isStart = true
            case UInt8(ascii: " "), UInt8(ascii: "\t"): break
            case UInt8(ascii: "*") where isStart:
                aliases += 1
                isStart = false
                guard aliases <= maximumAliases else {
                    var place = place
                    (place.line, place.column) = (line, 1)
                    throw ConfigError(ConfigProblem(at: place, "more than \(maximumAliases) aliases"))
                }
            default: isStart = ":-[{,?".utf8.contains(byte)
            }
        }
    }
}

extension ConfigDocument {
    private struct Converter {
        let place: ConfigPlace
        var count = 0

        mutating func convert(_ node: Node, depth: Int) throws(ConfigError) -> ConfigNode {
            let place = place(of: node)
            count += 1
            guard count <= maximumNodes else {
                throw ConfigError(ConfigProblem(at: place, "more than \(maximumNodes) values"))
            }
            guard depth <= maximumDepth else {
                throw ConfigError(ConfigProblem(at: place, "nested more than \(maximumDepth) deep"))
            }
            switch node {
            case .scalar(let scalar): return ConfigNode(content(of: scalar), at: place)
            case .sequence(let items):
                var nodes: [ConfigNode] = []
                for item in items { nodes.append(try convert(item, depth: depth + 1)) }
                return ConfigNode(.list(nodes), at: place)
            case .mapping(let pairs):
                var members: [ConfigNode.Member] = []
                for (key, value) in pairs { members.append(try member(key, value, depth)) }
                return ConfigNode(.map(members), at: place)
            case .alias: throw ConfigError(ConfigProblem(at: place, "an alias of nothing"))
            }
        }

        private mutating func member(_ key: Node, _ value: Node, _ depth: Int) throws(ConfigError) -> ConfigNode.Member
        {
            let keyPlace = self.place(of: key)
            guard case .scalar(let scalar) = key else {
                throw ConfigError(ConfigProblem(at: keyPlace, "a key must be a name"))
            }
            return ConfigNode.Member(name: scalar.string, place: keyPlace, value: try convert(value, depth: depth + 1))
        }

        private func content(of scalar: Node.Scalar) -> ConfigNode.Content {
            let isPlain = scalar.style == .plain || scalar.style == .any
            return isPlain && ["", "~", "null", "Null", "NULL"].contains(scalar.string) ? .null : .scalar(scalar.string)
        }

        private func place(of node: Node) -> ConfigPlace {
            var place = place
            if place.source.file != nil, let mark = node.mark { (place.line, place.column) = (mark.line, mark.column) }
            return place
        }
    }
}

extension ConfigDocument {
    private static func problem(_ error: any Error, _ text: String, _ place: ConfigPlace) -> ConfigProblem {
        func problem(_ message: String, _ mark: (line: Int, column: Int)?, hint: String? = nil) -> ConfigProblem {
            var place = place
            if let mark, place.source.file != nil {
                (place.line, place.column) = (max(mark.line, 1), max(mark.column, 1))
            }
            return ConfigProblem(at: place, message, hint: hint)
        }
        switch error as? YamlError {
        case .scanner(let context, let what, let mark, _), .parser(let context, let what, let mark, _),
            .composer(let context, let what, let mark, _):
            let detail = context.map { "\($0.text): " } ?? ""
            return problem("not valid YAML or JSON: \(detail)\(what)", (mark.line, mark.column))
        case .reader(let what, let offset, _, _):
            return problem("not valid YAML or JSON: \(what)", offset.map { mark(at: $0, in: text) })
        case .duplicatedKeysInMapping(let names, let context):
            let list = names.map { "'\($0.shortened(to: 60))'" }.joined(separator: ", ")
            return problem(
                "\(list) given more than once", (context.mark.line, context.mark.column), hint: "Keep one of them.")
        case .memory: return problem("not valid YAML or JSON: nested too deeply", nil)
        default: return problem("not valid YAML or JSON", nil)
        }
    }

    /// - Parameter offset: in Characters, as Yams counts them.
    private static func mark(at offset: Int, in text: String) -> (line: Int, column: Int) {
        let before = text.prefix(offset)
        let lineStart = before.lastIndex(where: \.isNewline).map { before.index(after: $0) } ?? before.startIndex
        return (before.count(where: \.isNewline) + 1, before[lineStart...].unicodeScalars.count + 1)
    }
}
