import Glibc
import Linux
import Model

/// Starts the child that makes a new plan. It runs as the supervisor does and writes into a memory file, which is read when
/// it has ended: what it took in between holds nobody up.
final class Reloader {
    private let program: Descriptor
    private let input: Descriptor
    private let launchPlan: Descriptor
    private var resultFile: Int32?

    /// - Parameter other: another program than our own, and how it is called. By descriptor in any case: a newer file at our
    ///   path does not know the plans of this one.
    init(
        plan: ReloaderPlan, other: (program: Int32, arguments: [String])? = nil
    ) throws(SystemError) {
        if let other {
            program = try duplicateDescriptor(other.program)
        } else {
            program = try openPath("/proc/self/exe")
        }
        input = try makeMemoryFile(name: "reload-input", contents: plan.input)
        var launch = LaunchPlan(
            arguments: other?.arguments ?? plan.arguments, environment: [], directory: "/")
        launch.programDescriptor = ReloaderPlan.programTarget
        launchPlan = try makeMemoryFile(name: "reload-launch-plan", contents: MessageCodec.encode(launch))
    }

    deinit { closeResult() }

    private func closeResult() {
        if let resultFile { closeDescriptors([resultFile]) }
        resultFile = nil
    }

    /// - Parameters:
    ///   - running: the plan that is to be replaced.
    ///   - state: from which the program would have to go on; only of interest to another one.
    func start(
        _ running: SupervisorPlan, state: [UInt8] = [], using launcher: borrowing Launcher
    ) throws(SystemError) -> ChildProcess {
        closeResult()
        var running = running
        running.reloader = nil
        let plan = try makeMemoryFile(name: "running-plan", contents: MessageCodec.encode(running))
        let state = try makeMemoryFile(name: "supervisor-state", contents: state)
        let result = try makeMemoryFile(name: "new-plan", contents: [], sealed: false)
        let process = try launcher.launch(
            plan: launchPlan.number,
            moves: [
                DescriptorMove(source: STDERR_FILENO, target: STDOUT_FILENO),
                DescriptorMove(source: STDERR_FILENO, target: STDERR_FILENO),
                DescriptorMove(source: result.number, target: ReloaderPlan.resultTarget),
                DescriptorMove(source: input.number, target: ReloaderPlan.inputTarget),
                DescriptorMove(source: plan.number, target: ReloaderPlan.runningTarget),
                DescriptorMove(source: program.number, target: ReloaderPlan.programTarget),
                DescriptorMove(source: state.number, target: ReloaderPlan.stateTarget),
            ],
            credentials: .own, makesOutputPipes: false)
        resultFile = result.release()
        return process
    }

    /// Of the child that has ended so.
    func result(_ reason: ExitReason) -> CompiledPlan {
        defer { closeResult() }
        guard reason == .exited(0), let resultFile else {
            return .refused(reason: "the configuration could not be read: \(reason)")
        }
        do {
            return try MessageCodec.decodeCompiledPlan(try readWholeFile(resultFile, limit: Supervisor.largestPlan))
        } catch {
            return .refused(reason: "the configuration could not be read: \(error)")
        }
    }
}
