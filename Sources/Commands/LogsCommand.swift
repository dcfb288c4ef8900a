import AdminAPI
import AdminClient
import ArgumentParser
import Glibc
import Model

struct LogsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show what an app's workers and companions write.",
        discussion: """
            The server keeps the last lines of each app, whether they also go into app_log_file or not. Traces of several \
            lines are kept together.
            """)

    @OptionGroup var named: NamedApp
    @OptionGroup var global: GlobalOptions

    @Flag(name: .shortAndLong, help: "Go on with what is written from now on.")
    var follow = false

    @Option(
        name: [.customShort("n"), .customLong("lines")], help: ArgumentHelp("Of the last lines.", valueName: "number"))
    var lines = 100

    @Option(help: ArgumentHelp("Of one generation, such as 7.", valueName: "number"))
    var generation: String?

    @Option(help: ArgumentHelp("Of one worker, such as w12, or companion, such as mailer.1.", valueName: "name"))
    var worker: String?

    func validate() throws {
        guard (0...LogQuery.mostLines).contains(lines) else {
            throw ValidationError("--lines is a number from 0 to \(LogQuery.mostLines).")
        }
        if generation != nil, generationNumber == nil { throw ValidationError("A generation is a number, such as 7.") }
        let isName = worker?.utf8.allSatisfy { $0.isNameByte } ?? true
        if !isName {
            throw ValidationError("A worker is a number, such as w12.")
        }
    }

    private var generationNumber: GenerationNumber? {
        generation.flatMap { UInt32($0.hasPrefix("g") ? String($0.dropFirst()) : $0) }.map { GenerationNumber($0) }
    }

    func run() throws {
        let context = CommandContext(global)
        var query = LogQuery()
        query.lines = lines
        query.follows = follow
        query.generation = generationNumber
        // A bare number is a worker's.
        query.source = worker.map { UInt32($0) == nil ? $0 : "w\($0)" }
        let app = try context.app(named.options, acceptsOnlyInstance: true)
        try LogScreen(context: context, app: app).show(query)
    }
}

extension UInt8 {
    /// Of a worker's or companion's name.
    fileprivate var isNameByte: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
