import AdminAPI
import ArgumentParser
import Terminal

/// Entry of everything that is not an internal command.
package enum CommandLineMain {
    /// Parses, runs, explains what went wrong. Returns the exit status (FEATURES section 4).
    package static func run(_ arguments: [String], environment: [String: String]) -> Int32 {
        let console = Console(environment: environment)
        do {
            guard !arguments.isEmpty else { throw CleanExit.helpRequest(PassengerCommand.self) }
            var command = try PassengerCommand.parseAsRoot(arguments)
            try command.run()
            return 0
        } catch let error as ControlError {
            console.report(error, asJSON: asksForJSON(arguments))
            return error.code.exitStatus
        } catch {
            return reportParsing(error, console: console)
        }
    }

    /// What the parser throws: requests for help, a mistake in the arguments, or the exit status that a command chose.
    private static func reportParsing(_ error: any Error, console: Console) -> Int32 {
        let code = PassengerCommand.exitCode(for: error)
        let text = PassengerCommand.fullMessage(for: error)
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
