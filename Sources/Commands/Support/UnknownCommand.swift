import ArgumentParser
import Model
import Terminal

/// A word that stands where the name of a command has to, and is none. The parser would speak of the options behind it.
struct UnknownCommand {
    let word: String
    /// `passenger deploys`
    let parent: String
    /// The command that was meant, perhaps.
    let suggestion: String?

    /// Nil when the arguments, which the parser refused, begin with the name of a command.
    init?(in arguments: [String], of root: any ParsableCommand.Type) {
        var (command, parent) = (root, root._commandName)
        for word in arguments {
            let commands = command.configuration.subcommands
            guard !commands.isEmpty, !word.hasPrefix("-"), word != "help" else { return nil }
            if let next = commands.first(where: { $0._commandName == word }) {
                (command, parent) = (next, "\(parent) \(word)")
                continue
            }
            let names = commands.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
            suggestion = EditDistance.nearest(to: word, among: names)
            // What is similar to no command may be an argument of the one that is meant without a name.
            guard suggestion != nil || command.configuration.defaultSubcommand == nil else { return nil }
            self.word = word
            self.parent = parent
            return
        }
        return nil
    }

    var message: String {
        """
        Error: '\(word.showable)' is no command of \(parent).\(suggestion.map { " Did you mean '\($0)'?" } ?? "")
          See '\(parent) --help' for those that there are.
        """
    }
}
