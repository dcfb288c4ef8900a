import Model

/// The value of `processes`.
enum ProcessList: Sendable, Equatable {
    case named([CompanionSettings])
    /// A Procfile of the app, by its path in the app's directory.
    case procfile(String)
}

extension ValueForm where Value == ProcessList {
    /// Procfile form, `worker: bundle exec sidekiq`, each command alone or with its settings; or the path of a Procfile.
    static var processes: ValueForm {
        ValueForm(
            shape: .mapOrText, expected: "a mapping of names to commands, or a Procfile inside the app's directory",
            example: "{worker: bundle exec sidekiq}"
        ) { node, base throws(WrongForm) in
            switch node.content {
            case .scalar:
                guard let path = ValueForm<String>.relativeInside(try node.scalarText()) else { throw WrongForm(node) }
                return .procfile(path)
            case .map(let members):
                var processes: [CompanionSettings] = []
                for member in members { processes.append(try process(member, base)) }
                return .named(processes)
            case .null, .list: throw WrongForm(node)
            }
        }
    }

    private static func process(_ member: ConfigNode.Member, _ base: String) throws(WrongForm) -> CompanionSettings {
        if let objection = CompanionName.objection(to: member.name) {
            throw WrongForm(ConfigNode(.scalar(member.name), at: member.place), objection)
        }
        if case .null = member.value.content { throw noCommand(member) }
        guard case .map(let settings) = member.value.content else {
            return CompanionSettings(name: member.name, command: try command(member.value))
        }
        var process = CompanionSettings(name: member.name, command: "")
        for setting in settings {
            switch setting.name {
            case "command": process.command = try command(setting.value)
            case "instances": process.instances = try read(.integer(0...CompanionName.most, 1), setting, base)
            case "stop_signal": process.stopSignal = try read(.signal, setting, base)
            case "stop_timeout": process.stopTimeout = try read(.duration("60s"), setting, base)
            case "quiet_signal": process.quietSignal = try read(.quietSignal, setting, base)
            default:
                throw WrongForm(
                    ConfigNode(.scalar(setting.name), at: setting.place),
                    "'\(setting.name.shortened(to: 60))' is none of command, instances, stop_signal, stop_timeout and "
                        + "quiet_signal")
            }
        }
        if process.command.isEmpty { throw noCommand(member) }
        return process
    }

    private static func noCommand(_ member: ConfigNode.Member) -> WrongForm {
        WrongForm(ConfigNode(.scalar(member.name), at: member.place), "'\(member.name)' has no command")
    }

    private static func command(_ node: ConfigNode) throws(WrongForm) -> String {
        guard case .scalar = node.content else { throw WrongForm(node, "\(node.nounPhrase) is not a command") }
        let text = try node.scalarText()
        guard text.contains(where: { !$0.isWhitespace }) else { throw WrongForm(node, "a command is empty") }
        return text
    }

    /// The setting's own form says what was expected of it, not that of the whole list.
    private static func read<Setting>(
        _ form: ValueForm<Setting>, _ setting: ConfigNode.Member, _ base: String
    ) throws(WrongForm) -> Setting {
        do throws(WrongForm) { return try form.read(setting.value, base) } catch {
            throw WrongForm(
                error.node,
                error.reason ?? "\(setting.name) must be \(form.expected), not \(error.node.nounPhrase)")
        }
    }
}

/// What a companion may be called.
enum CompanionName {
    /// Of an app, all instances counted.
    static let most = 100

    /// Completes an error message; nil for a legal name.
    static func objection(to name: String) -> String? {
        if name == "web" { return "'web' is the app itself; 'app_start_command' says how it is started" }
        return isLegal(name) ? nil : "'\(name.shortened(to: 60))' is not a name of letters, digits, '_' and '-'"
    }

    static func isLegal(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count) && name.utf8.first != UInt8(ascii: "-")
            && name.utf8.allSatisfy { HTTPText.isLetterOrDigit($0) || "_-".utf8.contains($0) }
    }
}

extension Draft {
    /// Merged name by name, so that a machine's file can change one process of those that the release names.
    mutating func take(_ list: ProcessList) {
        switch list {
        case .procfile(let path): procfile = path
        case .named(let processes):
            for process in processes {
                if let index = app.processes.firstIndex(where: { $0.name == process.name }) {
                    app.processes[index] = process
                } else {
                    app.processes.append(process)
                }
            }
        }
    }
}
