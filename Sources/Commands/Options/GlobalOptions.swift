import ArgumentParser

/// Options of every command.
struct GlobalOptions: ParsableArguments {
    @Flag(help: "Print JSON.")
    var json = false

    @Option(help: ArgumentHelp("The running server to talk to.", valueName: "name"))
    var instance: String?
}
