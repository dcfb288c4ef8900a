import Glibc
import Linux
import Model
import Testing

@testable import Supervisor

/// A real supervisor process whose cores hand their control sockets to the test.
final class RunningSupervisor {
    let pid: Int32
    let directory = try! TemporaryDirectory()  // no test can go on without
    private(set) var log = ""
    private let process: Descriptor
    private let handover: Descriptor
    private let standardError: Descriptor
    private var waited = false

    /// How often it has become the program at its path.
    private var images = 0

    /// - Parameter state: nil for one that starts; else where it goes on, and the descriptors for that.
    init(
        program: String = builtProgram("supervisor-host"), environment: [String] = [],
        _ change: (inout SupervisorPlan, _ directory: String) -> Void = { _, _ in },
        state: ((SupervisorPlan) throws -> (SupervisorState, [DescriptorMove]))? = nil
    ) throws {
        let socketPath = directory.path + "/handover.sock"
        handover = try listenUnix(path: socketPath, mode: 0o666, backlog: 8)
        var plan = SupervisorPlan()
        plan.coreArguments = ["core", "core", socketPath]
        plan.launchProgram = builtProgram("passenger-launch")
        plan.coreBootPlan = Array("boot plan".utf8)
        change(&plan, directory.path)
        let resumed = try state?(plan)
        let input = try resumed.map { try MessageCodec.encode($0.0) } ?? MessageCodec.encode(plan)
        let planFile = try makeMemoryFile(name: "plan", contents: input)
        let errors = try Pipe()
        var moves = [
            DescriptorMove(source: planFile.number, target: 3), DescriptorMove(source: errors.writer.number, target: 2),
            DescriptorMove(source: errors.writer.number, target: 1),
        ]
        moves += resumed?.1 ?? []
        if let report = plan.reportDescriptor { moves.append(DescriptorMove(source: report, target: report)) }
        pid = try spawnProcess(
            path: program, arguments: [program, "supervise"] + (resumed == nil ? ["3"] : ["resume", "3"]),
            environment: ["PATH=/usr/bin:/bin"] + environment, moves: moves)
        process = try pidfdOpen(pid: pid)
        standardError = errors.reader
    }

    deinit {
        if !waited {
            try? pidfdSendSignal(process.number, SIGKILL)
            _ = try? waitForChild(pid)
        }
    }

    /// The control socket of the next core. Core processes are children of the supervisor.
    func nextCore() throws -> CoreSide {
        try waitReadable(handover.number, "a core")
        let accepted = Descriptor(owning: accept(handover.number, nil, nil))
        let corePid = try peerCredentials(accepted.number).pid
        try waitReadable(accepted.number, "the control socket")
        let packet = try #require(try MessageSocket.receive(accepted.number))
        return CoreSide(pid: corePid, socket: Descriptor(owning: try #require(packet.descriptors.first)))
    }

    func signal(_ signal: Int32) throws { try pidfdSendSignal(process.number, signal) }

    /// Until that goes on.
    func becomeProgram() throws {
        images += 1
        try signal(SIGALRM)
        try waitForLog("another program goes on", times: images)
    }

    /// Until it sleeps in epoll_wait(2): all that was asked of it before is done.
    func waitForIdle() throws {
        let limit = monotonicNow() + .seconds(30)
        while try statusLine("State", pid: pid).first != "S" {
            guard monotonicNow() < limit else { throw TimedOut(what: "an idle supervisor") }
            usleep(1000)
        }
    }

    func waitForExit(seconds: Double = 30) throws -> ExitReason {
        try waitGone(process, seconds: seconds, "the supervisor's exit")
        waited = true
        return try waitForChild(pid)
    }

    /// Reads the log until it has this.
    func waitForLog(_ text: String, times: Int = 1) throws {
        while log.ranges(of: text).count < times {
            do { try waitReadable(standardError.number, "log") } catch { throw TimedOut(what: "\(text) in: \(log)") }
            let more = try readSome(standardError.number, limit: 4096)
            if more.isEmpty { throw TimedOut(what: "\(text) before the end of: \(log)") }
            log += String(decoding: more, as: UTF8.self)
        }
    }
}

/// The test plays the core over this.
final class CoreSide {
    let pid: Int32
    let socket: Descriptor
    private var nextTag: UInt64 = 1
    private(set) var controlGroups: String?
    private(set) var controlGroupNote = ""
    /// As a core does that does not hang.
    var answersPings = true
    /// Of the core before.
    private(set) var children: [Child] = []

    struct Listener {
        var name: String
        var index: UInt32
        var descriptor: Int32
    }

    init(pid: Int32, socket: consuming Descriptor) {
        self.pid = pid
        self.socket = socket
    }

    func receive() throws -> (message: SupervisorMessage, descriptors: [Int32]) {
        while true {
            try waitReadable(socket.number, "a message of the supervisor")
            let packet = try #require(try MessageSocket.receive(socket.number))
            let message = try MessageCodec.decodeSupervisor(packet.bytes)
            guard message == .ping, answersPings else { return (message, packet.descriptors) }
            try send(.pong)
        }
    }

    func send(_ message: CoreMessage, descriptors: [Int32] = []) throws {
        try MessageSocket.send(socket.number, MessageCodec.encode(message), descriptors: descriptors)
    }

    /// Everything up to `begin`, then says `hello` and `ready`.
    @discardableResult
    func start() throws -> (bootPlan: [UInt8], number: UInt32, listeners: [Listener]) {
        let welcome = try receive()
        guard case .welcome(_, _, let number) = welcome.message else { throw TimedOut(what: "welcome") }
        let bootPlan = try readWholeFile(welcome.descriptors[0], limit: 1 << 20)
        closeDescriptors(welcome.descriptors)
        var listeners: [Listener] = []
        while case let next = try receive(), next.message != .begin {
            if case .controlGroups(let path, let note) = next.message {
                controlGroups = path
                controlGroupNote = note
                continue
            }
            if case .child(let entry) = next.message {
                children.append(try Child(entry: entry, output: next.descriptors))
                nextTag = max(nextTag, entry.tag.rawValue + 1)
                continue
            }
            guard case .listener(let name, let index) = next.message else { throw TimedOut(what: "listener") }
            listeners.append(Listener(name: name, index: index, descriptor: next.descriptors[0]))
        }
        try send(.hello(version: SupervisionProtocol.version))
        try send(.ready(summary: "test core \(number)"))
        return (bootPlan, number, listeners)
    }

    func request(
        _ plan: LaunchPlan, user: String? = nil, role: ChildRole = .worker,
        targets: [(source: Int32, target: Int32)] = [], pipes: Bool = true, group: String? = nil
    ) throws -> ChildTag {
        defer { nextTag += 1 }
        let file = try makeMemoryFile(name: "plan", contents: MessageCodec.encode(plan))
        let request = SpawnRequest(
            tag: ChildTag(nextTag), role: role, user: user, targets: targets.map(\.target), outputPipes: pipes,
            title: "test child \(nextTag)", group: group)
        try send(.spawn(request), descriptors: [file.number] + targets.map(\.source))
        return request.tag
    }

    /// Starts a child that runs.
    func spawn(
        _ plan: LaunchPlan, user: String? = nil, role: ChildRole = .worker, group: String? = nil
    ) throws -> Child {
        try expectChild(try request(plan, user: user, role: role, group: group))
    }

    /// `descriptors` stand for the worker's listener and its handshake.
    func requestFork(from preloader: ChildTag, descriptors: [Int32] = [0, 0]) throws -> ChildTag {
        defer { nextTag += 1 }
        let request = ForkRequest(tag: ChildTag(nextTag), preloader: preloader, title: "forked child \(nextTag)")
        try send(.fork(request), descriptors: descriptors)
        return request.tag
    }

    /// Has a worker forked that runs.
    func fork(from preloader: Child) throws -> Child { try expectChild(try requestFork(from: preloader.entry.tag)) }

    private func expectChild(_ tag: ChildTag) throws -> Child {
        let answer = try receive()
        guard case .spawned(let entry) = answer.message, entry.tag == tag else {
            throw TimedOut(what: "spawned, not \(answer.message)")
        }
        return try Child(entry: entry, output: answer.descriptors)
    }

    func expectRefusal(_ tag: ChildTag) throws -> String {
        let message = try receive().message
        guard case .spawnRefused(tag, let reason) = message else {
            throw TimedOut(what: "refusal of \(tag), not \(message)")
        }
        return reason
    }

    func expectExit(_ tag: ChildTag) throws -> (reason: ExitReason, failure: LaunchFailure?) {
        let message = try receive().message
        guard case .exited(tag, _, let reason, let failure) = message else {
            throw TimedOut(what: "exit of \(tag), not \(message)")
        }
        return (reason, failure)
    }
}

final class Child {
    let entry: ChildEntry
    let output: Descriptor
    let errors: Descriptor
    let process: Descriptor

    init(entry: ChildEntry, output: [Int32]) throws {
        self.entry = entry
        self.output = Descriptor(owning: output[0])
        errors = Descriptor(owning: output[1])
        do {
            process = try pidfdOpen(pid: entry.pid)
        } catch  where error.errno == ESRCH {
            // It has ended and been reaped already: something that is always readable, as the pidfd would be.
            process = try openFile("/dev/zero", flags: O_RDONLY)
        }
    }

    func line() throws -> String { try readLine(output.number, "output of \(entry.title)") }
}
