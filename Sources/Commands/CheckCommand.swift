import AdminAPI
import AdminClient
import AppConfig
import ArgumentParser
import Core
import Glibc
import Linux
import Model
import Terminal

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Look whether this machine and an app are ready, and say how to mend what is not.",
        discussion:
            "Exits with 1 if something would keep a server or the app from working. Started by root, the app is "
            + "looked at as its own user.")

    @Argument(help: "The app's directory, or a deploy root, of which what is live is looked at.")
    var directory = "."

    @Option(help: ArgumentHelp("A server file, for a server of many apps.", valueName: "file"))
    var config: String?

    @OptionGroup var global: GlobalOptions

    private struct Report: Encodable {
        var findings: [Finding]
        var errors: Int
        var warnings: Int
    }

    func run() throws {
        let context = CommandContext(global)
        var findings: [Finding] = []
        var server = ServerSettings()
        var apps: [ConfiguredApp] = []
        do throws(ConfigError) {
            let loaded = try load(context)
            (server, apps) = (loaded.server, loaded.apps)
            findings += loaded.warnings.map {
                .warning("configuration", $0.description, mend: "See: passenger config \(directory)")
            }
            findings += loaded.refused.map {
                .error("configuration", "\($0.name): \($0.reason)", mend: "Mend its section.")
            }
            if loaded.warnings.isEmpty { findings.append(.ok("configuration", "the configuration can be used")) }
        } catch {
            findings += error.problems.map {
                .error(
                    "configuration", "\($0.place): \($0.message)", mend: $0.hint ?? "See: passenger config \(directory)"
                )
            }
        }
        let served = Set(context.registry.instances().flatMap(\.listen))
        let host = HostCheck(server: server, path: context.environment["PATH"] ?? "", served: served)
        findings = host.findings() + findings
        findings += app(apps, context)
        try tell(findings, context)
    }

    /// As the server reads it that this process would start.
    private func load(_ context: CommandContext, userID: UInt32 = geteuid()) throws(ConfigError) -> LoadedConfiguration
    {
        try ConfigLoader(userID: userID).loadServer(
            arguments: [:], environment: context.environment,
            directory: config == nil ? Paths.resolved(directory) : nil, serverFile: config.map(Paths.resolved))
    }

    /// Only one: this process becomes its user, and root's programs are not the app's to choose.
    private func app(_ apps: [ConfiguredApp], _ context: CommandContext) -> [Finding] {
        guard let app = apps.first, apps.count == 1 else { return [] }
        let starter = geteuid()
        if starter == 0 {
            do {
                var users = try StartUsers(server: ServerSettings(), servesMany: false)
                let names = try users.add(app).names
                if let name = names.workers, let user = users.policy.first(where: { $0.name == name }) {
                    try becomeUser(user)
                }
            } catch {
                return [.error("user", "\(error)", mend: "Set 'user', or give the directory to the app's user.")]
            }
        }
        guard !app.location.isDeployRoot else { return live(app, context) }
        var settings = app.settings
        do throws(ConfigError) {
            // Once more, with that user's eyes: which interpreter there is depends on who looks.
            settings = try load(context, userID: starter).apps.first?.settings ?? settings
        } catch {
            return Self.unreadable(error)
        }
        return look(settings, variables: [:], context)
    }

    /// What of a deploy root a server would start.
    private func live(_ app: ConfiguredApp, _ context: CommandContext) -> [Finding] {
        let root = app.location.path
        let release: LiveRelease
        switch LiveRelease.find(in: root) {
        case .found(let found): release = found
        case .nothing:
            return [
                HostCheck.disk(root),
                .ok("release", "nothing is live yet in \(root); see: passenger deploy --root \(root)"),
            ]
        case .broken(let reason):
            return [
                HostCheck.disk(root),
                .error("release", reason, mend: "Deploy anew: passenger deploy --root \(root); or: passenger rollback"),
            ]
        }
        let loaded: LoadedApp
        do throws(ConfigError) {
            loaded = try ConfigLoader().loadApp(
                InspectRequest(
                    directory: release.directory, root: root, name: app.name, environment: context.environment,
                    workingDirectory: Paths.resolved("."), operatorLayers: app.operatorLayers))
        } catch {
            return Self.unreadable(error)
        }
        let warnings = loaded.warnings.map {
            Finding.warning("configuration", $0.description, mend: "See: passenger config \(root)")
        }
        return [.ok("release", "\(release.name) is live in \(root)")] + warnings
            + look(loaded.settings, variables: loaded.fileVariables, context, release: release)
    }

    private static func unreadable(_ error: ConfigError) -> [Finding] {
        error.problems.map {
            .error(
                "permissions", "\($0.place): \($0.message)",
                mend: $0.hint ?? "Let user id \(geteuid()) read the app's files.")
        }
    }

    private func look(
        _ settings: AppSettings, variables: [String: String], _ context: CommandContext, release: LiveRelease? = nil
    ) -> [Finding] {
        let user = lookUpEntry(uid: geteuid())
        let list = AppEnvironment.make(
            inherited: context.environment, settings: settings, fileVariables: variables,
            user: user.map { .init(name: $0.name, home: $0.home, shell: $0.shell) })
        let pairs = list.compactMap { pair -> (String, String)? in
            pair.firstIndex(of: "=").map { (String(pair[..<$0]), String(pair[pair.index(after: $0)...])) }
        }
        return AppCheck(
            settings: settings, environment: Dictionary(pairs, uniquingKeysWith: { $1 }), isRelease: release != nil
        ).findings()
    }

    private func tell(_ findings: [Finding], _ context: CommandContext) throws {
        let errors = findings.count { $0.level == .error }
        let warnings = findings.count { $0.level == .warning }
        if global.json {
            try context.console.json(Report(findings: findings, errors: errors, warnings: warnings))
        } else {
            context.console.lines(findings.flatMap { Self.lines($0, context.console.output) })
            context.console.line(
                errors + warnings == 0
                    ? "Everything is in order."
                    : "\(HumanFormat.count(errors, "error")), \(HumanFormat.count(warnings, "warning")).")
        }
        if errors > 0 { throw ExitCode(1) }
    }

    private static func lines(_ finding: Finding, _ traits: TerminalTraits) -> [String] {
        let mark: StyledText =
            switch finding.level {
            case .ok: StyledText("ok", .good)
            case .warning: StyledText("warning", .warning)
            case .error: StyledText("error", .bad)
            }
        let head = "\(mark.style.applied(to: mark.text, traits)): \(finding.message.showable)"
        return [head] + (finding.mend.map { ["  \($0.showable)"] } ?? [])
    }
}
