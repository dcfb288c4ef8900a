import AdminAPI
import ArgumentParser
import Glibc
import Linux
import Terminal

/// `passenger-config validate-install`.
struct ValidateInstallTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate-install", abstract: "Check that everything of this program is where it belongs.",
        discussion: "Whether the machine and an app are ready is told by: passenger check")

    @Flag(help: "Accepted; nothing is ever asked.")
    var auto = false

    @Flag(inversion: .prefixedNo, help: .hidden)
    var validatePassenger = true

    @Flag(inversion: .prefixedNo, help: .hidden)
    var validateApache2 = false

    func run() throws {
        let context = CommandContext(GlobalOptions.parseOrExit([]))
        let traits = context.console.output
        var isGood = true
        for check in InstallCheck.all(path: context.environment["PATH"] ?? "") {
            let mark = check.mend == nil ? StyledText("✓", .good) : StyledText(check.isError ? "✗" : "!", .bad)
            context.console.line(" * \(check.what)... \(mark.style.applied(to: mark.text, traits))")
            guard let mend = check.mend else { continue }
            context.console.line("   \(mend)")
            if check.isError { isGood = false }
        }
        guard isGood else {
            context.console.line("Something is wrong with this installation.")
            throw ExitCode(1)
        }
        context.console.line("Everything looks good. :-)")
    }
}

/// One thing that an installation has to have.
struct InstallCheck {
    var what: String
    /// How to mend it; nil when it is as it should be.
    var mend: String?
    var isError = true

    static func all(path: String) -> [InstallCheck] {
        var checks: [InstallCheck] = []
        let again = "Install it again: scripts/install"
        do {
            let program = try ownProgram()
            let library = try LibraryPaths.find(program: program, version: ProductVersion.current)
            checks.append(
                InstallCheck(
                    what: "Checking the launch helper",
                    mend: access(library.launchProgram, X_OK) == 0
                        ? nil : "\(library.launchProgram) cannot be run. \(again)"))
            for (name, file) in [
                ("Ruby", "ruby"), ("Python", "python"), ("Node.js", "node"),
            ] {
                let directory = "\(library.loaders)/\(file)"
                checks.append(
                    InstallCheck(
                        what: "Checking the loader of \(name) apps",
                        mend: access(directory, R_OK | X_OK) == 0 ? nil : "\(directory) cannot be read. \(again)"))
            }
            let page = "\(library.templates)/errors/error.html"
            checks.append(
                InstallCheck(
                    what: "Checking the templates",
                    mend: access(page, R_OK) == 0 ? nil : "\(page) cannot be read. \(again)", isError: false))
            checks.append(onPath(program, path))
        } catch {
            checks.append(InstallCheck(what: "Checking the program's own files", mend: "\(error)"))
        }
        return checks
    }

    private static func onPath(_ program: String, _ path: String) -> InstallCheck {
        let candidates: [String] = path.split(separator: ":").map { "\($0)/passenger" }
        let found = candidates.first { access($0, X_OK) == 0 }
        var check = InstallCheck(what: "Checking whether this program is in PATH", isError: false)
        let isOurs = found.map { Paths.resolved($0) == Paths.resolved(program) } ?? false
        if !isOurs {
            check.mend = found.map { "Another one comes first: \($0)" } ?? "Add its directory to PATH: \(program)"
        }
        return check
    }
}
