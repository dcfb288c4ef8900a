import Glibc
import Linux
import Model

/// Preloaders, and the workers that they fork. A worker's parent is this process: a preloader forks twice.
extension SupervisorLoop {
    /// Taken in one go, so that one preloader cannot keep everything else waiting.
    private static let mostPreloaderMessages = 16

    func launchPreloader(
        plan: Int32, _ moves: [DescriptorMove], _ credentials: Credentials, group: Int32?
    ) throws(SystemError) -> ChildProcess {
        let sockets = try MessageSocket.pair()
        let user =
            switch credentials {
            case .own: getuid()
            case .user(let user): user.uid
            }
        let theirs = [
            DescriptorMove(source: sockets.second.number, target: PreloaderDescriptors.control),
            DescriptorMove(source: ownerPipe.reader.number, target: PreloaderDescriptors.owner),
        ]
        let control = try PreloaderControl(socket: sockets.first, user: user)
        let child = try launcher.launch(
            plan: plan, moves: moves + theirs, credentials: credentials, makesOutputPipes: true, group: group)
        child.forks = control
        do throws(SystemError) {
            try epoll.add(control.socket.number, .readable, token: Token.preloader + UInt64(child.pid))
        } catch {
            // As in `Launcher`: what cannot be heard must not stay. It is reaped as a stray.
            kill(child.pid, SIGKILL)
            throw error
        }
        return child
    }

    func fork(_ request: ForkRequest, _ descriptors: [Int32]) {
        do {
            if let reason = machine.refusal(of: request.tag, as: .worker) { throw Refusal(reason: reason) }
            guard descriptors.count == 2 else { throw Refusal(reason: "\(descriptors.count) descriptors, not 2") }
            let (ticket, preloader) = try machine.forkRequested(request)
            do {
                try ask(preloader, for: ticket, descriptors)
            } catch {
                perform(
                    machine.forkFailed(
                        ticket: ticket, preloader: preloader, reason: "its preloader cannot be asked: \(error)"))
            }
        } catch {
            perform([.send(.spawnRefused(tag: request.tag, reason: "\(error)"))])
        }
    }

    private func ask(_ preloader: Int32, for ticket: UInt64, _ descriptors: [Int32]) throws(SystemError) {
        guard let control = children[preloader]?.forks else { throw SystemError(call: "sendmsg", errno: ENOTCONN) }
        let output = try Pipe()
        let error = try Pipe()
        output.resize(to: Launcher.outputPipeSize)
        error.resize(to: Launcher.outputPipeSize)
        try control.ask(for: ticket, descriptors: descriptors + [output.writer.number, error.writer.number])
        forkedOutput[ticket] = OutputPipes(standardOutput: output.reader, standardError: error.reader)
    }

    func servePreloader(_ pid: Int32) {
        if let child = children[pid] { servePreloader(child) }
    }

    func servePreloaders() {
        for child in Array(children.values) where child.forks != nil { servePreloader(child) }
    }

    func servePreloader(_ child: ChildProcess) {
        guard let control = child.forks else { return }
        for _ in 0..<Self.mostPreloaderMessages {
            switch control.receive() {
            case .message(.born(let ticket), let sender):
                perform(
                    machine.forkBorn(ticket: ticket, preloader: child.pid, newcomer(sender, expected: control.user)))
            case .message(.failed(let ticket, let errno), _):
                // fork(2): of a limit of processes, the user's or the control group's.
                let limit = errno == EAGAIN ? " (the user's process limit, ulimit -u, is reached)" : ""
                let reason = "the preloader could not fork: \(SystemError.describe(errno))\(limit)"
                perform(machine.forkFailed(ticket: ticket, preloader: child.pid, reason: reason))
            case .unreadable:
                perform(machine.preloaderIsUnusable(child.pid, reason: "it speaks nonsense on its control socket"))
            case .nothingMore:
                return
            case .closed:
                // Nothing can be asked of it any more; what is asked all the same is refused.
                try? epoll.remove(control.socket.number)
                return
            }
        }
    }

    private func newcomer(_ sender: PeerCredentials, expected user: UInt32) -> Newcomer {
        Newcomer(
            pid: sender.pid, isOurChild: processParent(pid: sender.pid) == getpid(),
            leadsGroup: processGroup(pid: sender.pid) == sender.pid, hasUserOfPreloader: sender.uid == user,
            startTime: processStartTime(pid: sender.pid) ?? 0)
    }

    func keepForked(_ pid: Int32, _ output: OutputPipes?) {
        do throws(SystemError) {
            keep(ChildProcess(pid: pid, process: try pidfdOpen(pid: pid), report: nil, output: output))
        } catch {
            // Out of descriptors. It is in the table, so its end is told.
            kill(pid, SIGKILL)
        }
    }
}
