import AdminAPI
import AdminClient
import ArgumentParser

/// Which app a command is about.
struct TargetOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The app's directory (default: the working directory).", valueName: "dir"))
    var root: String?

    @Option(help: ArgumentHelp("The app's name.", valueName: "name"))
    var app: String?

    func query(_ global: GlobalOptions, acceptsOnlyInstance: Bool) -> TargetQuery {
        TargetQuery(
            instance: global.instance, root: root.map(Paths.resolved), app: app,
            workingDirectory: Paths.resolved("."), acceptsOnlyInstance: acceptsOnlyInstance)
    }
}
