/// One configuration key: everything that is known about it, in one place. Files, variables, flags, `passenger config`
/// and help are all driven by the table of these (`KeyTable`).
package struct ConfigKey: Sendable {
    package enum Scope: String, Sendable, Codable { case server, app }

    /// The smallest operation after which a changed value holds.
    package enum Application: String, Sendable, Codable { case reload, restart, deploy, upgrade }

    /// Dotted: `health.path`.
    package let name: String
    package let scope: Scope
    package let appliedBy: Application
    /// One line, no full stop.
    package let help: String
    package let shape: ValueShape
    /// Completes "must be …".
    package let expected: String
    package let example: String

    /// Reads a value and puts it into the draft. The text is the directory that relative paths are meant from.
    let apply: @Sendable (ConfigNode, String, inout Draft) throws(WrongForm) -> Void
    /// Lowers the draft's value to a limit, and says whether it had to. Nil for keys that have no order.
    let lower: (@Sendable (ConfigNode, String, inout Draft) throws(WrongForm) -> Bool)?

    /// Whether this text can be the key's value.
    package func takes(_ text: String) -> Bool {
        var draft = Draft()
        do throws(WrongForm) {
            try apply(ConfigNode(.scalar(text), at: ConfigPlace(source: .standard)), "/", &draft)
            return true
        } catch {
            return false
        }
    }

    /// `--health-path`
    package var flag: String { "--" + flatName.replacing("_", with: "-") }
    /// `PASSENGER_HEALTH_PATH`
    package var variable: String { "PASSENGER_" + flatName.uppercased() }
    /// `health_path`
    var flatName: String { name.replacing(".", with: "_") }

    init<Value>(
        _ name: String, _ scope: Scope, _ form: ValueForm<Value>, by appliedBy: Application, _ help: String,
        lower: (@Sendable (ConfigNode, String, inout Draft) throws(WrongForm) -> Bool)? = nil,
        set: @escaping @Sendable (inout Draft, Value) -> Void
    ) {
        self.name = name
        self.scope = scope
        self.appliedBy = appliedBy
        self.help = help
        shape = form.shape
        expected = form.expected
        example = form.example
        apply = { node, base, draft throws(WrongForm) in set(&draft, try form.read(node, base)) }
        self.lower = lower
    }

    init<Value>(
        _ name: String, _ scope: Scope, _ form: ValueForm<Value>, _ path: any WritableKeyPath<Draft, Value> & Sendable,
        by appliedBy: Application, _ help: String
    ) {
        var lower: (@Sendable (ConfigNode, String, inout Draft) throws(WrongForm) -> Bool)?
        if let exceeds = form.exceeds {
            lower = { node, base, draft throws(WrongForm) in
                let limit = try form.read(node, base)
                guard exceeds(draft[keyPath: path], limit) else { return false }
                draft[keyPath: path] = limit
                return true
            }
        }
        self.init(name, scope, form, by: appliedBy, help, lower: lower) { $0[keyPath: path] = $1 }
    }

    init<Value>(
        _ name: String, _ scope: Scope, _ form: ValueForm<Value>, _ path: any WritableKeyPath<Draft, Value?> & Sendable,
        by appliedBy: Application, _ help: String
    ) {
        self.init(name, scope, form, by: appliedBy, help) { $0[keyPath: path] = $1 }
    }

    /// Mappings are merged name by name, so that a machine's file can add one variable to those of the release.
    init(
        merging name: String, _ scope: Scope, _ form: ValueForm<[String: String]>,
        _ path: any WritableKeyPath<Draft, [String: String]> & Sendable, by appliedBy: Application, _ help: String
    ) {
        self.init(name, scope, form, by: appliedBy, help) { draft, value in
            draft[keyPath: path].merge(value) { $1 }
        }
    }
}
