import Glibc
import Linux
package import Model
import Synchronization

/// Told what became of one child. Called on the link's thread: must not block.
package protocol ChildHandler: AnyObject, Sendable {
    /// The read ends of the output pipes belong to the handler now.
    func childSpawned(_ entry: ChildEntry, standardOutput: Int32?, standardError: Int32?)
    func childRefused(_ reason: String)
    func childExited(_ reason: ExitReason, launchFailure: LaunchFailure?)
}

/// What the supervisor hands to a core before it starts.
package struct Inheritance: Sendable {
    package var bootPlan: [UInt8]
    package var supervisorPid: Int32
    package var coreNumber: UInt32
    package var listeners: [InheritedListener] = []
    /// Directory below which children's control groups are; nil without.
    package var controlGroups: String?
    /// That there are some, or why there are none.
    package var controlGroupNote = ""
    /// What served for the core before: each is to be gone on with, or to be ended.
    package var children: [InheritedChild] = []
    /// It takes the place of a core that serves: `begin` and the children come when that one has handed over.
    package var isSuccessor = false
    /// The receiver's own: on which clients of a core that has retired come (`HandedConnection`).
    package var clients: Int32?
}

/// The core's own copy of a listening descriptor of the supervisor's.
package struct InheritedListener: Sendable, Equatable {
    package var name: String
    package var index: Int
    package var descriptor: Int32
}

package enum ControlRequest: Sendable {
    case shutdown(hurry: Bool)
    /// Of a new plan that comes next; the descriptor is the receiver's.
    case listener(InheritedListener)
    /// Another boot plan, to be answered by `CoreMessage.reloadAnswer`.
    case reload(ticket: UInt64, bootPlan: [UInt8])
    case reloadRefused(ticket: UInt64, reason: String)
    case reopenLogs
    /// To be answered by `pong`.
    case ping
    case apps(AppsMessage)
    /// To a successor.
    case child(InheritedChild)
    /// The descriptors are the receiver's: a packet socket for `HandedConnection`.
    case begin(clients: Int32?)
    /// To be answered by `handedOver`.
    case retire(clients: Int32?)
    case stay
    case upgraded(ticket: UInt64, version: String)
    case upgradeRefused(ticket: UInt64, reason: String)
    /// What the core before still has under way; empty: nothing, it has ended.
    case loads([WorkerLoad])
    /// The supervisor is gone; its death signal follows.
    case supervisorGone
}

/// The core's end of the socket pair to the supervisor: asks for children and hears of them.
package final class SupervisorLink: Sendable {
    /// `FileHandler` and the other questions: `SupervisorLink+Questions.swift`.
    struct State {
        var nextTag: UInt64 = 1
        var handlers: [ChildTag: any ChildHandler] = [:]
        /// By path, in the order of the questions, which is that of the answers.
        var opening: [String: [FileHandler]] = [:]
        var startingMeters: [MeterHandler] = []
        var isSupervisorGone = false
    }

    private static let largestBootPlan = 16 << 20

    let descriptor: Int32
    let state = Mutex(State())

    /// Takes over `descriptor`, a SOCK_SEQPACKET socket that stays open for as long as the process lives.
    package init(descriptor: Int32) { self.descriptor = descriptor }

    /// Says hello and takes over what the supervisor holds. Blocks; called once, before any thread is started.
    package func takeOver() throws -> Inheritance {
        try send(.hello(version: SupervisionProtocol.version))
        var inheritance = Inheritance(bootPlan: [], supervisorPid: 0, coreNumber: 0)
        while let (bytes, descriptors) = try MessageSocket.receive(descriptor) {
            switch try MessageCodec.decodeSupervisor(bytes) {
            case .welcome(let version, let pid, let number):
                guard version == SupervisionProtocol.version, let plan = descriptors.first else {
                    throw LinkError.incompatible(version)
                }
                let file = Descriptor(owning: plan)
                inheritance.bootPlan = try readWholeFile(file.number, limit: Self.largestBootPlan)
                inheritance.supervisorPid = pid
                inheritance.coreNumber = number
            case .listener(let name, let index):
                guard let listener = descriptors.first else { continue }
                inheritance.listeners.append(.init(name: name, index: Int(index), descriptor: listener))
            case .controlGroups(let path, let note):
                inheritance.controlGroups = path
                inheritance.controlGroupNote = note
            case .child(let entry):
                inheritance.children.append(
                    keep(InheritedChild(entry: entry, link: self, descriptors: descriptors)))
            case .begin:
                inheritance.clients = descriptors.first
                return inheritance
            case .prepare:
                inheritance.isSuccessor = true
                return inheritance
            default:
                for number in descriptors { _ = Descriptor(owning: number) }
            }
        }
        throw LinkError.supervisorGone
    }

    /// Its end is heard from now on, and its tag given to no other.
    private func keep(_ child: InheritedChild) -> InheritedChild {
        state.withLock { state in
            state.handlers[child.entry.tag] = child
            state.nextTag = max(state.nextTag, child.entry.tag.rawValue + 1)
        }
        return child
    }

    /// Starts the thread that hears the supervisor.
    package func start(control: @escaping @Sendable (ControlRequest) -> Void) {
        startThread(name: "supervisor") { [self] in
            // Clients may have taken all descriptors that there are. That is no reason to take the supervisor for gone.
            while let (bytes, descriptors, isLacking) = try? MessageSocket.receiveWhatFits(descriptor) {
                if let message = try? MessageCodec.decodeSupervisor(bytes) {
                    if isLacking, case .spawned(let entry) = message {
                        giveUp(entry)
                    } else {
                        handle(message, descriptors, control)
                    }
                } else {
                    for number in descriptors { _ = Descriptor(owning: number) }
                }
            }
            abandonQuestions()
            control(.supervisorGone)
        }
    }

    /// A child whose output cannot be read, so that it would end with the first line that it writes.
    private func giveUp(_ entry: ChildEntry) {
        signal(entry.tag, SIGKILL, .group)
        let handler = state.withLock { $0.handlers.removeValue(forKey: entry.tag) }
        handler?.childRefused("its output cannot be read: \(SystemError.describe(EMFILE))")
    }

    /// Asks for a child, in the control group of its generation if it has one. The answer comes to `handler`, which is kept until the child's exit was reported. The caller
    /// keeps its own copies of `descriptors`.
    @discardableResult
    package func spawn(
        role: ChildRole, user: String?, plan: LaunchPlan, descriptors: [(source: Int32, target: Int32)],
        outputPipes: Bool = true, title: String, group: String? = nil,
        handler: any ChildHandler
    ) throws -> ChildTag {
        try ask(handler) { tag in
            let planFile = try makeMemoryFile(name: "launch-plan", contents: MessageCodec.encode(plan), sealed: true)
            let request = SpawnRequest(
                tag: tag, role: role, user: user, targets: descriptors.map(\.target), outputPipes: outputPipes,
                title: title, group: group)
            try MessageSocket.send(
                descriptor, MessageCodec.encode(.spawn(request)),
                descriptors: [planFile.number] + descriptors.map(\.source))
        }
    }

    /// Asks for a worker that a preloader forks; answered as `spawn` is. The caller keeps its own copies of the descriptors.
    package func fork(
        from preloader: ChildTag, listener: Int32, handshake: Int32, title: String, handler: any ChildHandler
    ) throws -> ChildTag {
        try ask(handler) { tag in
            let request = ForkRequest(tag: tag, preloader: preloader, title: title)
            try MessageSocket.send(
                descriptor, MessageCodec.encode(.fork(request)), descriptors: [listener, handshake])
        }
    }

    /// The handler is known before the answer can come.
    private func ask(_ handler: any ChildHandler, _ send: (ChildTag) throws -> Void) throws -> ChildTag {
        let tag = state.withLock { state in
            let tag = ChildTag(state.nextTag)
            state.nextTag += 1
            state.handlers[tag] = handler
            return tag
        }
        do {
            try send(tag)
        } catch {
            _ = state.withLock { $0.handlers.removeValue(forKey: tag) }
            throw error
        }
        return tag
    }

    /// To a child that may be gone already: then nothing happens.
    package func signal(_ tag: ChildTag, _ signal: Int32, _ scope: SignalScope) {
        // The socket fails only when the supervisor is gone, and its death signal ends every child.
        try? send(.signal(tag: tag, signal: signal, scope: scope))
    }

    /// A worker has booted: it is as important as the others from now on.
    package func serves(_ tag: ChildTag) {
        try? send(.serves(tag: tag))
    }

    package func send(_ message: CoreMessage) throws {
        try MessageSocket.send(descriptor, MessageCodec.encode(message), descriptors: [])
    }

    private func handle(
        _ message: SupervisorMessage, _ descriptors: [Int32], _ control: @Sendable (ControlRequest) -> Void
    ) {
        switch message {
        case .spawned(let entry):
            guard let handler = state.withLock({ $0.handlers[entry.tag] }) else { break }
            handler.childSpawned(
                entry, standardOutput: descriptors.first, standardError: descriptors.dropFirst().first)
            return
        case .spawnRefused(let tag, let reason):
            state.withLock { $0.handlers.removeValue(forKey: tag) }?.childRefused(reason)
        case .exited(let tag, _, let reason, let failure):
            state.withLock { $0.handlers.removeValue(forKey: tag) }?.childExited(reason, launchFailure: failure)
        case .shutdown(let hurry): control(.shutdown(hurry: hurry))
        case .listener(let name, let index):
            guard let number = descriptors.first else { break }
            control(.listener(InheritedListener(name: name, index: Int(index), descriptor: number)))
            for number in descriptors.dropFirst() { _ = Descriptor(owning: number) }
            return
        case .reload(let ticket):
            // An empty plan is refused as one that cannot be read.
            let plan = descriptors.first.flatMap { try? readWholeFile($0, limit: Self.largestBootPlan) }
            control(.reload(ticket: ticket, bootPlan: plan ?? []))
        case .reloadRefused(let ticket, let reason): control(.reloadRefused(ticket: ticket, reason: reason))
        case .reopenLogs: control(.reopenLogs)
        case .ping: control(.ping)
        case .apps(let message): control(.apps(message))
        case .fileOpened(let path, let errno):
            guard errno == 0, let number = descriptors.first else {
                fileOpened(path, .failure(SystemError(call: "open", errno: errno == 0 ? EBADF : errno, subject: path)))
                break
            }
            fileOpened(path, .success(number))
            for number in descriptors.dropFirst() { _ = Descriptor(owning: number) }
            return
        case .meterStarted(let errno):
            guard errno == 0, let number = descriptors.first else {
                meterStarted(.failure(SystemError(call: "spawn", errno: errno == 0 ? EBADF : errno)))
                break
            }
            meterStarted(.success(number))
            for number in descriptors.dropFirst() { _ = Descriptor(owning: number) }
            return
        case .child(let entry):
            control(.child(keep(InheritedChild(entry: entry, link: self, descriptors: descriptors))))
            return
        case .begin:
            control(.begin(clients: descriptors.first))
            for number in descriptors.dropFirst() { _ = Descriptor(owning: number) }
            return
        case .retire:
            control(.retire(clients: descriptors.first))
            for number in descriptors.dropFirst() { _ = Descriptor(owning: number) }
            return
        case .stay: control(.stay)
        case .upgraded(let ticket, let version): control(.upgraded(ticket: ticket, version: version))
        case .upgradeRefused(let ticket, let reason): control(.upgradeRefused(ticket: ticket, reason: reason))
        case .loads(let loads): control(.loads(loads))
        case .welcome, .controlGroups, .prepare: break
        }
        for number in descriptors { _ = Descriptor(owning: number) }
    }
}

package enum LinkError: Error, CustomStringConvertible {
    case incompatible(UInt16)
    case supervisorGone

    package var description: String {
        switch self {
        case .incompatible(let version): "the supervisor speaks version \(version) of the control protocol"
        case .supervisorGone: "the supervisor is gone"
        }
    }
}
