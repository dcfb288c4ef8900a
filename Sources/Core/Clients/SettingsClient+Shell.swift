import AppConfig
import Foundation
import Model
import Spawning

/// `load_shell_envvars`: the login shell of the app's user, run as that user, is asked what its profiles set up. What it says
/// is the user's own, and goes to that user's processes only.
extension SettingsClient {
    private static let shellTime = Duration.seconds(10)

    func askShell(_ settings: AppSettings) async {
        guard settings.loadShellEnvvars else { return keepShell(nil, nil) }
        let named = settings.users.user.map { UserDirectory.entry(policyName: $0) }
        guard let user = named ?? UserDirectory.entry(uid: tools.plan.ownUser) else {
            return keepShell(nil, "load_shell_envvars: the app's user is not in passwd(5); the app starts without it")
        }
        let mark = (0..<4).map { _ in String(UInt64.random(in: .min ... .max), radix: 36) }.joined()
        let listed = (try? String(contentsOfFile: "/etc/shells", encoding: .utf8)) ?? ""
        guard let question = ShellVariables.question(shell: user.shell, listed: listed, mark: mark) else {
            return keepShell(
                nil,
                "load_shell_envvars: \(user.shell), the shell of \(user.name), cannot be asked; the app starts without it"
            )
        }
        let environment = AppEnvironment.login(inherited: tools.plan.environment, user: user)
        let (end, lines) = await runShell(question.program, question.arguments, settings.users.user, environment)
        if let variables = ShellVariables.answer(in: lines.stdout.joined(separator: "\n"), mark: mark) {
            return keepShell(variables, nil)
        }
        let last = lines.stderr.last.map { ", it said: \($0.prefix(300))" } ?? ""
        keepShell(nil, "load_shell_envvars: \(user.shell) -l did not answer (\(end)\(last)); the app starts without it")
    }

    private func runShell(
        _ program: String, _ arguments: [String], _ user: String?, _ environment: [String]
    ) async -> (ToolEnd, CollectedLines) {
        let collected = Shared(CollectedLines())
        let end = await withCheckedContinuation { (done: CheckedContinuation<ToolEnd, Never>) in
            let tool = tools.start(
                program: program, arguments, user: user, title: "\(app.name) login shell", environment: environment,
                line: { stream, line in collected.withLock { $0.append(stream, line) } },
                ended: { done.resume(returning: $0) })
            tool.closeInput()
            tools.schedule(Self.shellTime) { tool.signal(9) }
        }
        return (end, collected.withLock { $0 })
    }
}
