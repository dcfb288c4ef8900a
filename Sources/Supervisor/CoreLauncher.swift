import Glibc
import Linux
import Model

/// Starts cores: always the same program, with the plan that holds.
struct CoreLauncher: ~Copyable {
    /// Where the core finds its end of the control socket.
    static let controlTarget: Int32 = 3
    private static let programTarget: Int32 = 4

    private let credentials: Credentials
    private let program: Descriptor
    private let launchPlan: Descriptor
    private var bootPlanFile: Descriptor

    struct Started: ~Copyable {
        var process: ChildProcess
        /// The supervisor's end.
        var control: Descriptor
    }

    /// - Parameter program: nil: the plan's, or our own.
    init(plan: SupervisorPlan, credentials: Credentials, program: Int32? = nil) throws(SystemError) {
        // By descriptor: the core's user need not be able to reach the file, and a newer file does not change it.
        let program = try Self.open(program, plan)
        var launch = LaunchPlan(arguments: plan.coreArguments, environment: plan.coreEnvironment, directory: "/")
        launch.programDescriptor = Self.programTarget
        let launchPlan = try makeMemoryFile(name: "core-launch-plan", contents: MessageCodec.encode(launch))
        let bootPlanFile = try makeMemoryFile(name: "core-boot-plan", contents: plan.coreBootPlan)
        self.credentials = credentials
        self.program = program
        self.launchPlan = launchPlan
        self.bootPlanFile = bootPlanFile
    }

    private static func open(_ program: Int32?, _ plan: SupervisorPlan) throws(SystemError) -> Descriptor {
        guard let program else { return try openPath(plan.coreProgram ?? "/proc/self/exe") }
        return try duplicateDescriptor(program)
    }

    /// The core's boot plan, a sealed file.
    var bootPlan: Int32 { bootPlanFile.number }

    /// For cores to come.
    mutating func use(bootPlan: [UInt8]) throws(SystemError) {
        bootPlanFile = try makeMemoryFile(name: "core-boot-plan", contents: bootPlan)
    }

    func start(using launcher: borrowing Launcher) throws(SystemError) -> Started {
        let pair = try MessageSocket.pair()
        let output = try writeOnly(STDOUT_FILENO)
        let errors = try writeOnly(STDERR_FILENO)
        let process = try launcher.launch(
            plan: launchPlan.number,
            moves: [
                DescriptorMove(source: output.number, target: STDOUT_FILENO),
                DescriptorMove(source: errors.number, target: STDERR_FILENO),
                DescriptorMove(source: pair.second.number, target: Self.controlTarget),
                DescriptorMove(source: program.number, target: Self.programTarget),
            ],
            credentials: credentials, makesOutputPipes: false)
        return Started(process: process, control: pair.first)
    }

    /// A terminal is open for both directions, and what is typed there is not for the core.
    private func writeOnly(_ descriptor: Int32) throws(SystemError) -> Descriptor {
        guard isatty(descriptor) == 1 else { return try duplicateDescriptor(descriptor) }
        return try openFile("/proc/self/fd/\(descriptor)", flags: O_WRONLY | O_NOCTTY)
    }
}
