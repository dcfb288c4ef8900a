import AppConfig
import Linux
import Model
import Spawning

/// Runs this program in its other roles, as the apps' users.
struct Tools: Sendable {
    /// nice(2) of what makes releases and runs commands: it never takes the processor from an app.
    static let background: Int32 = 10

    let link: SupervisorLink
    let reader: OutputReader
    let schedule: SpawningParts.Schedule
    let plan: CoreBootPlan

    /// `user`: a name in the supervisor's policy, as an app's plan has it. `ended` is the last call, once.
    func start(
        _ role: ChildRole, _ arguments: [String], user: String?, title: String, niceness: Int32 = 0,
        environment: [String]? = nil, descriptors: [(source: Int32, target: Int32)] = [],
        line: @escaping @Sendable (StandardStream, String) -> Void, ended: @escaping @Sendable (ToolEnd) -> Void
    ) -> ToolProcess {
        var request = ToolProcess.Request(
            role: role, user: user, arguments: arguments, environment: environment ?? toolEnvironment(user),
            directory: "/", title: title)
        request.niceness = niceness
        request.descriptors = descriptors
        return ToolProcess(link: link, reader: reader, schedule: schedule, request, line: line, ended: ended)
    }

    /// Another program than this one.
    func start(
        program: String, _ arguments: [String], user: String?, title: String, environment: [String],
        line: @escaping @Sendable (StandardStream, String) -> Void, ended: @escaping @Sendable (ToolEnd) -> Void
    ) -> ToolProcess {
        var request = ToolProcess.Request(
            role: .tool, user: user, arguments: arguments, environment: environment, directory: "/", title: title)
        request.program = program
        return ToolProcess(link: link, reader: reader, schedule: schedule, request, line: line, ended: ended)
    }

    /// The server's own environment with the target user's HOME and name: git and ssh look there for their files.
    private func toolEnvironment(_ user: String?) -> [String] {
        var variables = plan.environment
        if let user, let home = UserDirectory.entry(policyName: user) {
            variables["HOME"] = home.home
            variables["USER"] = home.name
            variables["LOGNAME"] = home.name
            variables["SHELL"] = home.shell
        }
        return variables.map { "\($0.key)=\($0.value)" }
    }
}
