import AdminAPI
import AdminClient
import ArgumentParser
import Linux

struct IntegrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "integrate", abstract: "Print ready configuration for another program.",
        discussion: "For example: passenger integrate github > .github/workflows/deploy.yml")

    enum Program: String, ExpressibleByArgument, CaseIterable {
        case github, gitlab, systemd

        /// Beside the other templates of this version.
        var template: String {
            switch self {
            case .github: "github/deploy.yml"
            case .gitlab: "gitlab/deploy.yml"
            case .systemd: "systemd/passenger.service"
            }
        }
    }

    @Argument(help: "Which one.")
    var program: Program

    func run() throws {
        let own = readLink("/proc/self/exe") ?? ""
        do {
            let library = try LibraryPaths.find(program: own, version: ProductVersion.current)
            let text = try readFile("\(library.templates)/\(program.template)")
            Console(environment: [:]).write(text)
        } catch let error as StartError {
            throw ControlError(error)
        } catch let error as SystemError {
            throw ControlError(.failed, "The template cannot be read: \(error).", hint: "Install passenger again.")
        }
    }
}
