import AdminAPI
import AdminClient
import ArgumentParser
import Glibc
import Linux
import Model

struct StopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop a server: finish what is in progress, then end.")

    @Argument(help: ArgumentHelp("The app's directory, as --root names it.", valueName: "dir"))
    var directory: String?

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    @Option(name: .shortAndLong, help: ArgumentHelp("The server that listens on this port.", valueName: "port"))
    var port: Int?

    @Option(help: ArgumentHelp("The server whose pid this file has.", valueName: "file"))
    var pidFile: String?

    @Flag(name: [.customShort("i"), .long], help: "Exit with 0 if there is no such server.")
    var ignorePidNotFound = false

    @Option(
        help: ArgumentHelp("How long to wait until it is gone (as long as its settings allow it).", valueName: "time"))
    var timeout: TimeSpan?

    @Flag(help: "Do not wait for requests in progress.")
    var now = false

    func validate() throws {
        guard [directory, target.root, pidFile, port.map(String.init)].compactMap(\.self).count <= 1 else {
            throw ValidationError("The directory, --root, --port and --pid-file each name a server: give one of them.")
        }
    }

    func run() throws {
        let context = CommandContext(global)
        let instance: InstanceRecord
        do throws(ControlError) {
            instance = try find(context)
        } catch {
            guard ignorePidNotFound, error.code == .notRunning else { throw error }
            return context.console.error(error.message)
        }
        // Opened first: it names this process for good, also when its pid is another's by the time it is waited for.
        guard let process = try? pidfdOpen(pid: instance.pid) else { return try tell(instance, context) }
        let begun = monotonicNow()
        let needed = try ask(instance, process.number)
        let left = timeout.map { max(.zero, begun + $0.duration - monotonicNow()) }
        guard hasEnded(process.number, within: left ?? needed) else {
            throw ControlError(
                .timedOut, "Server \"\(instance.name)\" (pid \(instance.pid)) still runs.",
                hint: "Wait longer with --timeout, or do not wait for requests with --now.")
        }
        try tell(instance, context)
    }

    /// Nil when there is no such file, or no number in it. One that cannot be read says nothing of whether its server runs.
    private static func pid(in path: String) throws(ControlError) -> Int32? {
        do throws(SystemError) {
            return Int32(String(decoding: try readFile(path, limit: 64), as: UTF8.self).prefix { $0.isNumber })
        } catch {
            guard error.errno != ENOENT else { return nil }
            throw ControlError(.failed, "The pid file cannot be read: \(error).")
        }
    }

    private func find(_ context: CommandContext) throws(ControlError) -> InstanceRecord {
        guard port != nil || pidFile != nil else {
            var target = target
            target.root = directory ?? target.root
            return try context.target(target, acceptsOnlyInstance: true).instance
        }
        let running = context.registry.instances().filter { global.instance == nil || $0.name == global.instance }
        let found: [InstanceRecord]
        let what: String
        if let port {
            what = "a server that listens on port \(port)"
            found = running.filter { $0.listen.contains { $0.hasSuffix(":\(port)") } }
        } else {
            let path = pidFile ?? ""
            what = "the server of \(path)"
            let pid = try Self.pid(in: path)
            found = running.filter { $0.pid == pid }
        }
        guard let first = found.first else { throw ControlError(.notRunning, "There is not \(what).") }
        guard found.count == 1 else {
            let names = found.map(\.name).joined(separator: ", ")
            throw ControlError(.usage, "There is more than \(what).", hint: "Name one with --instance: \(names).")
        }
        return first
    }

    private static let usualTime = Duration.seconds(60)
    /// Beyond what its settings give it.
    private static let spareTime = Duration.seconds(15)
    /// After which a core that has not answered is taken to hang. Asked twice, it hurries: so not too soon, unless that is wanted.
    private static let patience = Duration.seconds(30)
    private static let patienceInHurry = Duration.seconds(5)

    /// Most of the time that the command has is for the end.
    private var patience: Duration {
        let usual = now ? Self.patienceInHurry : Self.patience
        return timeout.map { min(usual, $0.duration / 4) } ?? usual
    }

    /// Returns how long it may take.
    private func ask(_ instance: InstanceRecord, _ process: Int32) throws(ControlError) -> Duration {
        var request = StopRequest()
        request.hurry = now
        do throws(ControlError) {
            let accepted = try AdminClient(socketPath: instance.adminSocket, timeout: patience).stop(request)
            let seconds = min(max(accepted.withinSeconds ?? 0, 0), 1e9)
            return max(Self.usualTime, .milliseconds(Int64(seconds * 1000)) + Self.spareTime)
        } catch {
            let isSilent = error.code == .notRunning || error.code == .timedOut || error.code == .failed
            guard isSilent else { throw error }
            try signal(instance, process)
            return Self.usualTime
        }
    }

    /// For a server whose core does not answer: the supervisor takes SIGTERM itself, and a second signal as haste; of two that are the
    /// same it might see one. The record is the core's, which could name any process in it: only the one that listens for the server
    /// is signalled, as the kernel says.
    private func signal(_ instance: InstanceRecord, _ process: Int32) throws(ControlError) {
        // Nobody listens any more: it is on its way out, asked by us or by somebody else.
        guard let isGenuine = SupervisorProcess(instance).isGenuine else { return }
        // A socket that is closed in this moment names nobody: then its process ends in the next.
        guard isGenuine || hasEnded(process, within: .seconds(1)) else {
            throw ControlError(
                .failed, "Process \(instance.pid) does not listen on \(instance.adminSocket), so it is not signalled.",
                hint: "If it is server \"\(instance.name)\" all the same, stop it with kill.")
        }
        do throws(SystemError) {
            try pidfdSendSignal(process, SIGTERM)
            if now { try pidfdSendSignal(process, SIGINT) }
        } catch {
            guard error.errno != ESRCH else { return }
            throw ControlError(.failed, "Server \"\(instance.name)\" cannot be signalled: \(error).")
        }
    }

    /// A pidfd is readable when its process has ended (pidfd_open(2)).
    private func hasEnded(_ process: Int32, within time: Duration) -> Bool {
        let deadline = monotonicNow() + time
        while true {
            let left = deadline - monotonicNow()
            guard left > .zero else { return false }
            var descriptor = pollfd(fd: process, events: Int16(POLLIN), revents: 0)
            if poll(&descriptor, 1, Int32(clamping: Int64(left.inMilliseconds.rounded(.up)))) > 0 { return true }
        }
    }

    private func tell(_ instance: InstanceRecord, _ context: CommandContext) throws {
        if global.json { return try context.console.json(["stopped": instance.name], pretty: false) }
        context.console.line("Server \"\(instance.name)\" has stopped.")
    }
}
