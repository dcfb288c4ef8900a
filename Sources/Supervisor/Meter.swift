import Glibc
import Linux
import Model

/// The process that tells the core how much memory its children take (`passenger-launch measure`). Not the supervisor
/// itself, because a reader of smaps_rollup waits for as long as the process that it looks at holds its own memory map;
/// and not the core, which may not look into other users' processes.
final class Meter {
    private let program: LaunchProgram
    private let user: (uid: UInt32, gid: UInt32)
    /// Of the one that runs.
    var pid: Int32?

    init(program: LaunchProgram, credentials: Credentials) {
        self.program = program
        switch credentials {
        case .own: user = (geteuid(), getegid())
        case .user(let user): self.user = (user.uid, user.gid)
        }
    }

    /// Takes the place of one that runs. Returns the socket to it: the asker's end, which the new owner keeps.
    func start() throws(SystemError) -> Descriptor {
        stop()
        let pair = try MessageSocket.pair()
        pid = try program.spawn(
            arguments: ["passenger-measure", "measure", "\(user.uid)", "\(user.gid)"],
            moves: [DescriptorMove(source: pair.second.number, target: 0)])
        return pair.first
    }

    /// Any child has been reaped.
    func ended(_ pid: Int32) { if pid == self.pid { self.pid = nil } }

    private func stop() {
        // Not reaped yet, so the number is still its own.
        if let pid { kill(pid, SIGKILL) }
        pid = nil
    }
}
