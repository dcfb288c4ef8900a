import AdminAPI
import AppConfig
import ArgumentParser
import Glibc
import Linux
import Model

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a Passengerfile.yml with what is found in a directory, and everything else as comments.",
        discussion: "A file that is there is never overwritten.")

    @Argument(help: "The app's directory.")
    var directory = "."

    @OptionGroup var global: GlobalOptions

    private struct Answer: Encodable {
        var file: String
        var kind: AppKind
        var startupFile: String?
        var startCommand: String?
    }

    func run() throws {
        let context = CommandContext(global)
        let root = Paths.resolved(directory)
        for name in ["Passengerfile.yml", "Passengerfile.json"] where access("\(root)/\(name)", F_OK) == 0 {
            throw ControlError(
                .refused, "There is \(root)/\(name) already.", hint: "What it says: passenger config \(directory)")
        }
        let app = try found(in: root, context)
        let path = "\(root)/Passengerfile.yml"
        let content = Array(try text(app).utf8)
        do throws(SystemError) {
            // Not through a link, and not over what somebody else has made meanwhile.
            let file = try openFile(path, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644)
            try writeAll(file.number, content)
        } catch {
            throw ControlError(.failed, "\(path) cannot be written: \(error).")
        }
        try tell(app, path, context)
    }

    private func found(in root: String, _ context: CommandContext) throws(ControlError) -> AppSettings {
        do throws(ConfigError) {
            let loaded = try ConfigLoader().loadServer(
                arguments: [:], environment: context.environment, directory: root)
            guard let app = loaded.apps.first else { throw ConfigError([]) }
            return app.settings
        } catch {
            throw ControlError(error)
        }
    }

    private func tell(_ app: AppSettings, _ path: String, _ context: CommandContext) throws {
        if global.json {
            let answer = Answer(
                file: path, kind: app.kind, startupFile: app.startupFile, startCommand: app.startCommand)
            return try context.console.json(answer, pretty: false)
        }
        context.console.line("Wrote \(path): \(Self.words(app)).")
        context.console.line("Start it with: passenger start \(directory == "." ? "" : directory)")
    }

    private static func words(_ app: AppSettings) -> String {
        switch app.kind {
        case .rack: "a Ruby app, \(app.startupFile ?? "")"
        case .wsgi: "a Python app (WSGI), \(app.startupFile ?? "")"
        case .asgi: "a Python app (ASGI), \(app.startupFile ?? "")"
        case .node: "a Node.js app, \(app.startupFile ?? "")"
        case .generic: "an app that is started with \(app.startCommand ?? "")"
        case .static: "a site without code, \(app.http.files.staticFilesDirectory ?? "public")/index.html"
        }
    }

    /// The template, with what was found put before it.
    private func text(_ app: AppSettings) throws -> String {
        let template: String
        do {
            let library = try LibraryPaths.find(program: ownProgram(), version: ProductVersion.current)
            template = String(decoding: try readFile("\(library.templates)/Passengerfile.yml"), as: UTF8.self)
        } catch { throw ControlError(.failed, "The template cannot be read: \(error)") }
        return Self.filled(template, app)
    }

    static func filled(_ template: String, _ app: AppSettings) -> String {
        var lines = ["# Found here: \(words(app))."]
        if app.kind == .generic, let command = app.startCommand {
            lines.append("app_start_command: \(JSONText.quoted(command))")
        } else {
            lines.append("app_type: \(app.kind.rawValue)")
            if let file = app.startupFile { lines.append("startup_file: \(JSONText.quoted(file))") }
        }
        return lines.joined(separator: "\n") + "\n\n" + template
    }
}
