import Foundation
import Glibc
import Linux
import Model

/// Whether an app can be served: its interpreter, its gems or modules, its files. Runs the app's own programs, so only as the
/// app's user.
struct AppCheck {
    let settings: AppSettings
    let environment: [String: String]
    /// It is not changed any more: what it lacks is for its next build.
    var isRelease = false
    private var directory: String { settings.directory }

    func findings() -> [Finding] {
        [HostCheck.disk(directory)] + files() + language()
    }

    private func language() -> [Finding] {
        switch settings.kind {
        case .rack: interpreter("Ruby", settings.ruby, key: "ruby", oldest: [2, 5]) + gems()
        case .wsgi, .asgi: interpreter("Python", settings.python, key: "python", oldest: [3, 7]) + modules()
        case .node: interpreter("Node.js", settings.nodejs, key: "nodejs", oldest: [14]) + packages()
        case .generic, .static: []
        }
    }

    // MARK: Files

    private func files() -> [Finding] {
        var findings: [Finding] = []
        if let file = settings.startupFile {
            findings.append(
                access("\(directory)/\(file)", R_OK) == 0
                    ? .ok("permissions", "\(file) can be read by the app's user")
                    : .error(
                        "permissions", "\(directory)/\(file) cannot be read: \(SystemError.describe(errno))",
                        mend: "Let user id \(geteuid()) read it, and enter the directories above it."))
        }
        for name in ["tmp", "log"] {
            let path = "\(directory)/\(name)"
            guard access(path, F_OK) == 0, access(path, W_OK) != 0 else { continue }
            findings.append(
                .warning(
                    "permissions", "\(path) cannot be written by user id \(geteuid())",
                    mend: "Give it to the app's user: chown"))
        }
        if let log = settings.appLogFile {
            let parent = (log as NSString).deletingLastPathComponent
            if access(log, W_OK) != 0, access(parent, W_OK) != 0 {
                findings.append(
                    .error(
                        "permissions", "app_log_file \(log) cannot be written",
                        mend: "Make \(parent) for the app's user."))
            }
        }
        return findings
    }

    // MARK: Interpreters

    private func find(_ program: String) -> String? {
        AppShell.find(program, in: environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin")
    }

    private func interpreter(_ name: String, _ program: String, key: String, oldest: [Int]) -> [Finding] {
        guard let path = find(program),
            let answer = ToolRun.ask(path, ["--version"], in: directory, environment: environment),
            answer.status == 0, let line = answer.lines.first
        else {
            return [
                .error(
                    "interpreter", "\(name) (\(program)) cannot be run",
                    mend: "Install it, or say where it is with '\(key)'.")
            ]
        }
        guard let version = Self.version(in: line) else { return [.ok("interpreter", "\(path): \(line)")] }
        return version.lexicographicallyPrecedes(oldest)
            ? [
                .error(
                    "interpreter", "\(path) is \(line): too old",
                    mend: "Install \(name) \(oldest.map(String.init).joined(separator: ".")) or newer.")
            ]
            : [.ok("interpreter", "\(path): \(line)")]
    }

    /// `3.11.2` of `Python 3.11.2`.
    static func version(in text: String) -> [Int]? {
        let digits = text.drop { !$0.isNumber }.prefix { $0.isNumber || $0 == "." }
        let parts = digits.split(separator: ".").compactMap { Int($0) }
        return parts.isEmpty ? nil : parts
    }

    // MARK: What the app needs

    private func install(_ command: String) -> String {
        isRelease
            ? "Let the build install them (deploy: build: [\(command)]), and deploy again."
            : "In \(directory): \(command)"
    }

    private func gems() -> [Finding] {
        guard access("\(directory)/Gemfile", F_OK) == 0 else { return [] }
        let question = ["-e", "require 'bundler'; puts Bundler.definition.specs.count"]
        guard let ruby = find(settings.ruby),
            let answer = ToolRun.ask(ruby, question, in: directory, environment: environment)
        else {
            return [
                .error(
                    "gems", "the gems of \(directory)/Gemfile cannot be looked up", mend: install("bundle install"))
            ]
        }
        if answer.status == 0 { return [.ok("gems", "all gems of the Gemfile are installed")] }
        let reason =
            answer.lines.first { $0.contains("Could not find") || $0.contains("cannot load") } ?? answer.lines.first
        return [
            .error(
                "gems", "gems of the Gemfile are missing: \(reason ?? "status \(answer.status)")",
                mend: install("bundle install"))
        ]
    }

    private func modules() -> [Finding] {
        guard let file = try? readFile("\(directory)/requirements.txt") else { return [] }
        let names = String(decoding: file, as: UTF8.self).split(separator: "\n").compactMap(Self.requirement)
        guard !names.isEmpty, let python = find(settings.python) else { return [] }
        let program = """
            import sys
            from importlib import metadata
            for name in sys.argv[1:]:
                try: metadata.version(name)
                except metadata.PackageNotFoundError: print(name)
            """
        guard let answer = ToolRun.ask(python, ["-c", program] + names, in: directory, environment: environment),
            answer.status == 0
        else {
            return [
                .warning("modules", "the modules of requirements.txt cannot be looked up", mend: "Look at \(python).")
            ]
        }
        guard !answer.lines.isEmpty else { return [.ok("modules", "all modules of requirements.txt are installed")] }
        return [
            .error(
                "modules", "modules of requirements.txt are missing: \(answer.lines.joined(separator: ", "))",
                mend: install("\(python) -m pip install -r requirements.txt"))
        ]
    }

    /// The name in a line of requirements.txt; nil for options, comments, addresses, and what holds only elsewhere.
    static func requirement(_ line: Substring) -> String? {
        let text = line.prefix { $0 != "#" }.drop { $0 == " " || $0 == "\t" }
        guard !text.contains(";"), !text.contains("://"), let first = text.first, first.isLetter || first.isNumber
        else {
            return nil
        }
        return String(text.prefix { $0.isLetter || $0.isNumber || "._-".contains($0) })
    }

    private func packages() -> [Finding] {
        struct Package: Decodable { var dependencies: [String: String]? }
        guard let bytes = try? readFile("\(directory)/package.json"),
            let package = try? JSONDecoder().decode(Package.self, from: Data(bytes)), let wanted = package.dependencies,
            !wanted.isEmpty
        else { return [] }
        // As Node.js looks: here, and in every directory above.
        var places: [String] = []
        var place = directory
        while place != "/", !place.isEmpty {
            places.append("\(place)/node_modules")
            place = (place as NSString).deletingLastPathComponent
        }
        let missing = wanted.keys.sorted().filter { name in
            !name.contains("..") && !places.contains { access("\($0)/\(name)", F_OK) == 0 }
        }
        guard !missing.isEmpty else { return [.ok("modules", "all modules of package.json are installed")] }
        return [
            .error(
                "modules", "modules of package.json are missing: \(missing.joined(separator: ", "))",
                mend: install("npm ci"))
        ]
    }
}
