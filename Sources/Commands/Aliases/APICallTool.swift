import AdminAPI
import AdminClient
import ArgumentParser
import Glibc
import Linux

/// `passenger-config api-call`: Passenger's own paths for looking, and otherwise those of the admin API.
struct APICallTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "api-call", abstract: "Send a request to the admin API and print the answer.",
        discussion:
            "Besides the paths of 'passenger api': GET /pool.json, /pool.xml, /pool.txt, /server.json, /ping.json.")

    @Option(name: [.customShort("a"), .customLong("agent")], help: .hidden)
    var agent: String?

    @Option(name: .shortAndLong, help: ArgumentHelp("Request body.", valueName: "json"))
    var data: String?

    @Option(help: ArgumentHelp("The running server.", valueName: "name"))
    var instance: String?

    @Argument(help: "GET, POST, …")
    var method: String

    @Argument(help: "Path.")
    var path: String

    func run() throws {
        let context = CommandContext(GlobalOptions.parseOrExit([]))
        let record = try InstanceChoice(all: context.registry.instances()).choose(instance)
        let client = AdminClient(socketPath: record.adminSocket)
        let show: PassengerStatusTool.Show? =
            switch (method, path) {
            case ("GET", "/pool.json"): .json
            case ("GET", "/pool.xml"): .xml
            case ("GET", "/pool.txt"): .pool
            case ("GET", "/server.json"): .server
            default: nil
            }
        if let show {
            var tool = try PassengerStatusTool.parse([record.name])
            tool.show = show
            return try tool.run()
        }
        if method == "GET", path == "/ping.json" {
            _ = try client.get("/ping", as: PingAnswer.self)
            return context.console.line(#"{"status":"ok"}"#)
        }
        var call = try APICommand.parse([method, path, "--instance", record.name])
        call.body = data
        try call.run()
    }
}
