import AdminAPI
import ArgumentParser
import Terminal

/// Entry of everything that is not an internal command.
package enum CommandLineMain {
    /// Parses, runs, explains what went wrong. Returns the exit status (FEATURES section 4).
    /// - Parameter name: as the program was called: one of Phusion Passenger's tools, or `passenger`.
    package static func run(_ arguments: [String], calledAs name: String, environment: [String: String]) -> Int32 {
        let console = Console(environment: environment)
        let alias = ToolAlias(calledAs: name)
        let root = alias?.command ?? PassengerCommand.self
        do {
            guard alias != nil && alias != .config || !arguments.isEmpty else { throw CleanExit.helpRequest(root) }
            // Deploy tools ask for the version so.
            let asksForVersion = alias == nil && arguments == ["-v"]
            var command = try root.parseAsRoot(asksForVersion ? ["--version"] : arguments)
            try command.run()
            return 0
        } catch let error as ControlError {
            console.report(error, asJSON: asksForJSON(arguments))
            return error.code.exitStatus
        } catch {
            return reportParsing(error, of: root, arguments, console: console)
        }
    }

    /// What the parser throws: requests for help, a mistake in the arguments, or the exit status that a command chose.
    private static func reportParsing(
        _ error: any Error, of root: any ParsableCommand.Type, _ arguments: [String], console: Console
    ) -> Int32 {
        let code = root.exitCode(for: error)
        let unknown = code == .validationFailure ? UnknownCommand(in: arguments, of: root) : nil
        let text = unknown?.message ?? root.fullMessage(for: error)
        if code == .success {
            if !text.isEmpty { console.line(text) }
        } else if !text.isEmpty {
            console.error(text)
        }
        return code == .validationFailure ? ErrorCode.usage.exitStatus : code.rawValue
    }

    private static func asksForJSON(_ arguments: [String]) -> Bool {
        arguments.prefix { $0 != "--" }.contains("--json")
    }
}
