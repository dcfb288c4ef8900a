import AdminAPI
import AdminClient
import ArgumentParser

/// `passenger-config list-instances`.
struct ListInstancesTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list-instances", abstract: "List the servers that run.")

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print nothing when none runs.")
    var quiet = false

    struct Instance: Encodable {
        struct Directory: Encodable { var path: String }
        var name: String
        var serverSoftware: String
        var integrationMode = "standalone"
        var passengerVersion = ProductVersion.passenger
        var watchdogPid: Int32
        /// Left out where the server does not tell us.
        var corePid: Int32?
        var instanceDir: Directory
    }

    func run() throws {
        let context = CommandContext(GlobalOptions.parseOrExit([]))
        let choice = InstanceChoice(all: context.registry.instances())
        if json { return try context.console.json(choice.all.map(Self.instance)) }
        guard choice.all.isEmpty else { return context.console.lines(choice.table) }
        if !quiet { context.console.line("There are no Phusion Passenger instances running.") }
    }

    private static func instance(_ record: InstanceRecord) -> Instance {
        Instance(
            name: record.name, serverSoftware: "passenger/\(record.version)", watchdogPid: record.pid,
            corePid: (try? AdminClient(socketPath: record.adminSocket).status())?.server.corePid,
            instanceDir: .init(path: record.adminSocket.directory))
    }
}

extension String {
    fileprivate var directory: String { split(separator: "/").dropLast().map { "/\($0)" }.joined() }
}
