import Glibc
import Linux
import Model

/// Starts programs through `passenger-launch`.
struct Launcher: ~Copyable {
    /// What fs.pipe-max-size allows an unprivileged user.
    static let outputPipeSize = 1 << 20

    private let program: LaunchProgram
    private let ownPid: Int32
    private let null: Descriptor

    init(program: LaunchProgram) throws(SystemError) {
        self.program = program
        ownPid = getpid()
        null = try openFile("/dev/null", flags: O_RDWR)
    }

    /// `plan` is the descriptor that `passenger-launch` reads; `moves` what the program sees beside stdin, which is
    /// /dev/null unless it is among them. `group` is the entrance of the control group that it is born into.
    func launch(
        plan: Int32, moves: [DescriptorMove], credentials: Credentials, makesOutputPipes: Bool, group: Int32? = nil
    ) throws(SystemError) -> ChildProcess {
        var moves = moves
        if !moves.contains(where: { $0.target == 0 }) {
            moves.append(DescriptorMove(source: null.number, target: 0))
        }
        if makesOutputPipes {
            let output = try Pipe()
            let error = try Pipe()
            output.resize(to: Self.outputPipeSize)
            error.resize(to: Self.outputPipeSize)
            moves.append(DescriptorMove(source: output.writer.number, target: 1))
            moves.append(DescriptorMove(source: error.writer.number, target: 2))
            let (pid, report) = try spawn(plan: plan, moves: moves, credentials: credentials, group: group)
            return try child(
                pid, Descriptor(owning: report),
                OutputPipes(standardOutput: output.reader, standardError: error.reader))
        }
        let (pid, report) = try spawn(plan: plan, moves: moves, credentials: credentials, group: group)
        return try child(pid, Descriptor(owning: report), nil)
    }

    private func child(
        _ pid: Int32, _ report: consuming Descriptor, _ output: OutputPipes?
    ) throws(SystemError) -> ChildProcess {
        do throws(SystemError) {
            return ChildProcess(pid: pid, process: try pidfdOpen(pid: pid), report: report, output: output)
        } catch {
            // Out of descriptors: a child that cannot be kept track of must not stay. The loop reaps it as a stray.
            kill(pid, SIGKILL)
            throw error
        }
    }

    /// The caller owns `report`, the read end of what `passenger-launch` reports on.
    private func spawn(
        plan: Int32, moves: [DescriptorMove], credentials: Credentials, group: Int32?
    ) throws(SystemError) -> (pid: Int32, report: Int32) {
        let report = try Pipe()
        let planTarget = (moves.map(\.target).max() ?? 2) + 1
        let reportTarget = planTarget + 1
        let groupTarget = reportTarget + 1
        let pid = try program.spawn(
            arguments: ["passenger-launch", "\(planTarget)", "\(reportTarget)", "\(ownPid)"] + arguments(credentials)
                + [group == nil ? "-" : "\(groupTarget)"],
            moves: moves + [
                DescriptorMove(source: plan, target: planTarget),
                DescriptorMove(source: report.writer.number, target: reportTarget),
            ] + (group.map { [DescriptorMove(source: $0, target: groupTarget)] } ?? []))
        return (pid, report.reader.release())
    }

    /// UID GID GROUPS.
    private func arguments(_ credentials: Credentials) -> [String] {
        switch credentials {
        case .own: ["-", "-", "-"]
        case .user(let user):
            [
                "\(user.uid)", "\(user.gid)",
                user.groups.isEmpty ? "-" : user.groups.map { "\($0)" }.joined(separator: ","),
            ]
        }
    }
}
