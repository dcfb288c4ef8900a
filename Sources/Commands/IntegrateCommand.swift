import AdminAPI
import AdminClient
import ArgumentParser
import Linux

struct IntegrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "integrate", abstract: "Print ready configuration for another program.",
        discussion: """
            For example: passenger integrate github > .github/workflows/deploy.yml

            Behind a web server: passenger integrate nginx --server-name blog.example.com --app-root /srv/blog

            From Phusion Passenger: passenger integrate --from /etc/nginx/sites-enabled/blog --output new
            """)

    enum Program: String, ExpressibleByArgument, CaseIterable {
        case github, gitlab, systemd
        case systemdSocket = "systemd-socket"
        case nginx, apache, container, kubernetes, nomad

        /// Beside the other templates of this version.
        var template: String? {
            switch self {
            case .github: "github/deploy.yml"
            case .gitlab: "gitlab/deploy.yml"
            case .systemd: "systemd/passenger.service"
            case .systemdSocket: "systemd/passenger.socket"
            case .container: "container/Containerfile"
            case .kubernetes: "kubernetes/app.yaml"
            case .nomad: "nomad/app.nomad.hcl"
            case .nginx, .apache: nil
            }
        }

        var webServer: WebServer? { WebServer(rawValue: rawValue) }
    }

    @Argument(help: "Which one.")
    var program: Program?

    @Option(
        help: ArgumentHelp(
            "A configuration of nginx' or Apache's with Passenger's directives: prints our server file and the new site.",
            valueName: "file"))
    var from: String?

    @Option(help: ArgumentHelp("Directory to write these to, instead of printing them.", valueName: "dir"))
    var output: String?

    @OptionGroup(title: "For nginx and apache") var site: SiteOptions

    func validate() throws {
        guard program != nil || from != nil else {
            let names = Program.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("Which one? \(names); or --from FILE.")
        }
        guard program?.webServer != nil || !site.isAny && (site.socket == nil || from != nil) else {
            throw ValidationError("These options are for nginx and apache.")
        }
        guard from == nil || program == nil || program?.webServer != nil else {
            throw ValidationError("--from is for nginx and apache.")
        }
        guard from == nil || !site.isAny else {
            throw ValidationError("With --from the site is what the file says, but for --socket.")
        }
        guard output == nil || from != nil else { throw ValidationError("--output goes with --from.") }
    }

    func run() throws {
        let library: LibraryPaths
        do throws(StartError) {
            library = try LibraryPaths.find(
                program: readLink("/proc/self/exe") ?? "", version: ProductVersion.current)
        } catch {
            throw ControlError(error)
        }
        let console = Console(environment: [:])
        if let from {
            try convert(from, library, console)
        } else if let server = program?.webServer {
            console.write(try library.siteWriter(for: server).text(try site.site(for: server)))
        } else if let template = program?.template {
            let text = try library.template(template)
            console.write(program == .systemd ? try Self.unit(text) : text)
        }
    }

    /// Of the program that prints it, wherever it lies.
    private static func unit(_ template: String) throws -> String {
        let path = try programAsCalled()
        // systemd.service(5), "Command lines", and systemd.unit(5), "Specifiers".
        let quoted = path.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("%", with: "%%")
        return template.replacing(
            "/usr/local/bin/passenger", with: quoted.contains(" ") ? "\"\(quoted)\"" : quoted)
    }

    private func convert(_ path: String, _ library: LibraryPaths, _ console: Console) throws {
        let conversion = ConversionOutput(
            path: SiteOptions.absolute(path), socket: try site.checkedSocket(), server: program?.webServer
        ) { library.siteWriter(for: $0) }
        let result = try conversion.result()
        if let output {
            try ConversionOutput.write(result, to: output)
            for file in result.files { console.line("\(output)/\(file.name)") }
        } else {
            for file in result.files { console.write("# ---- \(file.name)\n\(file.text)\n") }
        }
        guard !result.notes.isEmpty else { return }
        console.error("Look at these yourself:")
        for note in result.notes { console.error("  \(note.description.filter { !$0.isNewline })") }
    }
}

extension LibraryPaths {
    func template(_ name: String) throws(ControlError) -> String {
        do throws(SystemError) {
            return String(decoding: try readFile("\(templates)/\(name)"), as: UTF8.self)
        } catch {
            throw ControlError(.failed, "The template cannot be read: \(error).", hint: "Install passenger again.")
        }
    }

    func siteWriter(for server: WebServer) -> SiteWriter {
        SiteWriter(server: server) { try template("\(server.rawValue)/\($0)") }
    }
}
