/// A value that does not have its key's form; the node may be a part of a list or mapping.
struct WrongForm: Error, Sendable {
    var node: ConfigNode
    /// Says more than "expected …, not …" could.
    var reason: String?
    init(_ node: ConfigNode, _ reason: String? = nil) {
        self.node = node
        self.reason = reason
    }
}

/// What is written between the brackets of a list when it comes from a flag or variable.
package enum ValueShape: Sendable, Equatable {
    case scalar
    /// True or false: a flag may stand without a value, and with `no-` in front.
    case toggle
    /// Text from a flag or variable is split at commas.
    case list
    /// Shell commands: text from a flag or variable is one command.
    case commands
    case map
    /// A mapping, or one text: flags and variables are taken for a mapping when they have `=` in them.
    case mapOrText
}

/// A type of value as people write it: how to read it, and how to say what was expected.
struct ValueForm<Value: Sendable>: Sendable {
    var shape = ValueShape.scalar
    /// Completes "must be …".
    var expected: String
    var example: String
    /// Whether the first is more than the second allows; nil for forms that `limits` cannot bound.
    var exceeds: (@Sendable (Value, Value) -> Bool)?
    /// The second argument is the directory that relative paths are meant from.
    var read: @Sendable (ConfigNode, String) throws(WrongForm) -> Value

    /// A form of a single text.
    static func scalar(
        _ expected: String, example: String, shape: ValueShape = .scalar,
        exceeds: (@Sendable (Value, Value) -> Bool)? = nil,
        parse: @escaping @Sendable (String) -> Value?
    ) -> ValueForm {
        ValueForm(shape: shape, expected: expected, example: example, exceeds: exceeds) { node, _ throws(WrongForm) in
            guard let value = parse(try node.scalarText()) else { throw WrongForm(node) }
            return value
        }
    }
}

extension ConfigNode {
    func scalarText() throws(WrongForm) -> String {
        guard case .scalar(let text) = content else { throw WrongForm(self) }
        // No value of ours is the better for one, and the kernel would cut an argument or path short there.
        guard !text.utf8.contains(0) else { throw WrongForm(self, "contains a NUL character") }
        return text
    }
}
