import AdminAPI
import ArgumentParser

struct StartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Serve the app in a directory, or the live release of a deploy root.",
        usage: "passenger start [DIR] [--port N] [--address IP] [--daemonize] [--KEY VALUE ...]",
        discussion: """
            DIR is the app's directory (default: the working directory). Every configuration key is a flag: foo_bar is \
            --foo-bar, health.path is --health-path. The most used:
              -a, --address IP            -e, --environment NAME     --app-start-command CMD
              -p, --port N                -d, --daemonize            --max-pool-size N
              -S, --socket-file PATH          --user NAME            --min-instances N
            """)

    @Argument(parsing: .allUnrecognized, help: .hidden)
    var arguments: [String] = []

    func run() throws {
        let start = try StartArguments(arguments)
        try StartAction.run(directory: start.directory, flags: start.flags)
    }
}
