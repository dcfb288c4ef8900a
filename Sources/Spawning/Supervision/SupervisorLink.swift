import Glibc
package import Linux
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
}

/// The core's own copy of a listening descriptor of the supervisor's.
package struct InheritedListener: Sendable {
    package var name: String
    package var index: Int
    package var descriptor: Int32
}

package enum ControlRequest: Sendable, Equatable {
    case shutdown(hurry: Bool)
    case reload
    case reopenLogs
    case apps(AppsMessage)
    /// The supervisor is gone; its death signal follows.
    case supervisorGone
}

/// The core's end of the socket pair to the supervisor: asks for children and hears of them.
package final class SupervisorLink: Sendable {
    private struct State {
        var nextTag: UInt64 = 1
        var handlers: [ChildTag: any ChildHandler] = [:]
        /// By path, in the order of the questions, which is that of the answers.
        var opening: [String: [FileHandler]] = [:]
        var isSupervisorGone = false
    }

    private let descriptor: Int32
    private let state = Mutex(State())

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
                inheritance.bootPlan = try readWholeFile(file.number, limit: 16 << 20)
                inheritance.supervisorPid = pid
                inheritance.coreNumber = number
            case .listener(let name, let index):
                guard let listener = descriptors.first else { continue }
                inheritance.listeners.append(.init(name: name, index: Int(index), descriptor: listener))
            case .begin:
                return inheritance
            default:
                for number in descriptors { _ = Descriptor(owning: number) }
            }
        }
        throw LinkError.supervisorGone
    }

    /// Starts the thread that hears the supervisor.
    package func start(control: @escaping @Sendable (ControlRequest) -> Void) {
        startThread(name: "supervisor") { [self] in
            while let (bytes, descriptors) = try? MessageSocket.receive(descriptor) {
                if let message = try? MessageCodec.decodeSupervisor(bytes) {
                    handle(message, descriptors, control)
                } else {
                    for number in descriptors { _ = Descriptor(owning: number) }
                }
            }
            abandonFiles()
            control(.supervisorGone)
        }
    }

    /// Asks for a child. The answer comes to `handler`, which is kept until the child's exit was reported. The caller
    /// keeps its own copies of `descriptors`.
    @discardableResult
    package func spawn(
        role: ChildRole, user: String?, plan: LaunchPlan, descriptors: [(source: Int32, target: Int32)],
        outputPipes: Bool = true, title: String, handler: any ChildHandler
    ) throws -> ChildTag {
        let tag = state.withLock { state in
            let tag = ChildTag(state.nextTag)
            state.nextTag += 1
            state.handlers[tag] = handler
            return tag
        }
        do {
            let planFile = try makeMemoryFile(name: "launch-plan", contents: MessageCodec.encode(plan), sealed: true)
            let request = SpawnRequest(
                tag: tag, role: role, user: user, targets: descriptors.map(\.target), outputPipes: outputPipes,
                title: title)
            try MessageSocket.send(
                descriptor, MessageCodec.encode(.spawn(request)),
                descriptors: [planFile.number] + descriptors.map(\.source))
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

    /// Told, on the link's thread, about one file that was asked for. Owns the descriptor. Must not block.
    package typealias FileHandler = @Sendable (Result<Int32, SystemError>) -> Void

    /// Asks for a descriptor to read a file from, as the supervisor's user sees it now. `pread` it (`readWholeFile`): its
    /// position may be shared. Only for the plan's `readableFiles`: EPERM for all others. `then` is called once, perhaps
    /// before this returns; only after `start`.
    package func openFile(_ path: String, then: @escaping FileHandler) {
        // Sent under the lock, so that two questions for one path stand in the same order here and there.
        let failure: SystemError? = state.withLock { state in
            if state.isSupervisorGone { return SystemError(call: "open", errno: EPIPE, subject: path) }
            do throws(SystemError) {
                try MessageSocket.send(descriptor, MessageCodec.encode(.openFile(path: path)))
            } catch {
                return error
            }
            state.opening[path, default: []].append(then)
            return nil
        }
        if let failure { then(.failure(failure)) }
    }

    private func fileOpened(_ path: String, _ opened: Result<Int32, SystemError>) {
        let handler = state.withLock { state -> FileHandler? in
            guard var line = state.opening.removeValue(forKey: path) else { return nil }
            let first = line.removeFirst()
            if !line.isEmpty { state.opening[path] = line }
            return first
        }
        if let handler { return handler(opened) }
        if case .success(let number) = opened { _ = Descriptor(owning: number) }
    }

    private func abandonFiles() {
        let waiting = state.withLock { state in
            state.isSupervisorGone = true
            defer { state.opening = [:] }
            return state.opening
        }
        for (path, handlers) in waiting {
            for handler in handlers { handler(.failure(SystemError(call: "open", errno: EPIPE, subject: path))) }
        }
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
        case .reload: control(.reload)
        case .reopenLogs: control(.reopenLogs)
        case .apps(let message): control(.apps(message))
        case .fileOpened(let path, let errno):
            guard errno == 0, let number = descriptors.first else {
                fileOpened(path, .failure(SystemError(call: "open", errno: errno == 0 ? EBADF : errno, subject: path)))
                break
            }
            fileOpened(path, .success(number))
            for number in descriptors.dropFirst() { _ = Descriptor(owning: number) }
            return
        case .welcome, .listener, .child, .begin: break
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
