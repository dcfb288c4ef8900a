import AdminAPI
import AppConfig
import ArgumentParser
import Foundation
import Model

struct StartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Serve the app in a directory, the live release of a deploy root, or the apps of a server file.",
        usage: "passenger start [DIR] [--config FILE] [--port N] [--address IP] [--daemonize] [--KEY VALUE ...]",
        discussion: """
            DIR is the app's directory (default: the working directory). Without it, a server file (--config) with 'apps:' \
            or 'apps_dir' serves many. Every configuration key is a flag: foo_bar is \
            --foo-bar, health.path is --health-path. The most used:
              -a, --address IP        -e, --environment NAME  --app-start-command CMD
              -p, --port N            -d, --daemonize         --max-pool-size N
              -S, --socket-file PATH      --user NAME         --min-instances N
            """)

    @Argument(parsing: .allUnrecognized, help: .hidden)
    var arguments: [String] = []

    func run() throws {
        do {
            let status = try StartAction(request: request()).run()
            throw ExitCode(status)
        } catch let error as StartError {
            throw ControlError(error)
        }
    }

    private func request() throws -> StartRequest {
        let standalone = StandaloneFlags(arguments)
        var extraction: FlagExtraction
        do {
            extraction = try FlagExtraction(standalone.arguments, reserved: ["config"], short: Self.shortFlags)
            extraction.flags.merge(standalone.unsupported) { own, _ in own }
        } catch {
            throw ControlError(error)
        }
        var rest = extraction.rest
        let serverFile = try takeServerFile(&rest)
        if let unknown = rest.first(where: { $0.hasPrefix("-") }) {
            throw ControlError(.usage, "Unknown flag \(unknown).", hint: "See passenger start --help.")
        }
        guard rest.count <= 1 else {
            throw ControlError(.usage, "Only one directory can be served: \(rest.joined(separator: " or ")).")
        }
        return StartRequest(
            directory: rest.first.map(Paths.resolved), flags: extraction.flags, serverFile: serverFile,
            environment: ServiceVariables.removed(from: ProcessInfo.processInfo.environment),
            workingDirectory: FileManager.default.currentDirectoryPath)
    }

    private func takeServerFile(_ rest: inout [String]) throws -> String? {
        guard let index = rest.firstIndex(of: "--config") else { return nil }
        guard index + 1 < rest.count else { throw ControlError(.usage, "--config needs a value.") }
        defer { rest.removeSubrange(index...(index + 1)) }
        return rest[index + 1]
    }

    /// Phusion Passenger's.
    private static let shortFlags: [Character: String] = [
        "a": "address", "p": "port", "S": "socket-file", "e": "environment", "d": "daemonize",
    ]
}

extension ControlError {
    init(_ error: StartError) {
        let code: ErrorCode =
            switch error.exitCode {
            case 2: .usage
            case 4: .refused
            default: .failed
            }
        self.init(code, error.message, hint: error.hint)
    }
}
