import Glibc
import Linux
import Model

/// A newer program at the place of our own, and what is made of it for one upgrade.
final class Upgrader {
    /// How it is called to make a plan (`ReloaderPlan`).
    static let arguments = ["passenger", "_upgrade"]

    let program: Descriptor
    let reloader: Reloader
    /// Of the new plan; nil before there is one.
    private var launcher: CoreLauncher?

    init(path: String, plan: ReloaderPlan) throws {
        guard path.hasPrefix("/") else {
            throw Refusal(reason: "where the program lies is not known: restart the server instead")
        }
        program = try openPath(path)
        if let objection = try Self.objection(to: program.number) { throw Refusal(reason: "\(path) \(objection)") }
        reloader = try Reloader(plan: plan, other: (program.number, Self.arguments))
    }

    /// It will do what we do with our rights.
    private static func objection(to program: Int32) throws(SystemError) -> String? {
        var status = stat()
        guard fstat(program, &status) == 0 else { throw SystemError(call: "fstat", errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { return "is no regular file" }
        guard status.st_uid == 0 || status.st_uid == geteuid() else { return "belongs to uid \(status.st_uid)" }
        guard status.st_mode & 0o022 == 0 else { return "can be changed by others than its owner" }
        return nil
    }

    func startCore(
        _ plan: SupervisorPlan, _ credentials: Credentials, using launcher: borrowing Launcher
    ) throws(SystemError) -> CoreLauncher.Started {
        let own = try CoreLauncher(plan: plan, credentials: credentials, program: program.number)
        let started = try own.start(using: launcher)
        self.launcher = consume own
        return started
    }

    /// The boot plan of the core that was started.
    var bootPlan: Int32? {
        switch launcher {
        case .none: nil
        case .some(let launcher): launcher.bootPlan
        }
    }

    /// Once: for the cores to come.
    func takeLauncher() -> CoreLauncher? {
        var taken: CoreLauncher?
        swap(&taken, &launcher)
        return taken
    }
}
