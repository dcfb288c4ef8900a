import AdminAPI
import ArgumentParser
import Linux

/// `passenger-config about`, and what scripts ask of it.
struct AboutTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "about", abstract: "Tell the version, or where the program's own files are.")

    enum Topic: String, ExpressibleByArgument, CaseIterable {
        case version, root, compiled, customPackaged = "custom-packaged"
    }

    @Argument(help: "What to tell.")
    var topic: Topic?

    func run() throws {
        let console = CommandContext(GlobalOptions.parseOrExit([])).console
        switch topic {
        case nil: console.line(PassengerCommand.versionText)
        case .version: console.line(ProductVersion.passenger)
        case .root:
            do {
                console.line(
                    try LibraryPaths.find(program: ownProgram(), version: ProductVersion.current).directory)
            } catch { throw ControlError(.failed, "\(error)") }
        case .compiled, .customPackaged: console.line("yes")
        }
    }
}
