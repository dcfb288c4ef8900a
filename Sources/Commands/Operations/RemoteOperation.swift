import AdminAPI
import AdminClient
import ArgumentParser
import Glibc
import Linux
import Model
import Terminal

/// Runs a command on another host and shows what it does there as if it were done here; comes back to it when the
/// connection is lost.
struct RemoteOperation: ~Copyable {
    private enum Outcome {
        case done
        case lost(status: Int32)
        case detached
    }

    private let context: CommandContext
    private let host: RemoteHost
    private let words: [String]
    /// Names the app in the commands that return to the operation.
    private let target: [String]
    private let input: Int32?
    private let signals: SignalDescriptor
    /// What comes after the switch is not waited for.
    var leavesAtSwitch = false
    private var screen: OperationScreen
    private var progress = Reattachment(at: monotonicNow())

    /// `words` is the whole command line over there; it has to print JSON lines.
    init(
        _ words: [String], on host: RemoteHost, target: [String], input: Int32? = nil, showsOutput: Bool,
        context: CommandContext
    ) throws(ControlError) {
        self.context = context
        self.host = host
        self.words = words
        self.target = target
        self.input = input
        screen = OperationScreen(context: context, showsOutput: showsOutput)
        do throws(SystemError) { signals = try SignalDescriptor([SIGINT, SIGTERM]) } catch {
            throw ControlError(.internalError, "Signals cannot be received: \(error).")
        }
    }

    /// Follows to the end; throws what the exit status has to tell.
    mutating func run() throws {
        var words = words
        var input = input
        while true {
            switch try follow(words, input) {
            case .done: return
            case .detached: return context.console.error(detachedText)
            case .lost(let status):
                guard case .attach(let operation, let pause) = progress.connectionLost(at: monotonicNow()) else {
                    throw gaveUp(status)
                }
                guard let deploy = operation.deploy else { throw gaveUp(status) }
                context.console.error("The connection to \(host) was lost; attaching to deploy \(deploy) again.")
                if sleeps(pause) { return context.console.error(detachedText) }
                words = ["passenger", "deploys", "attach", "\(deploy)", "--json"] + target
                input = nil
            }
        }
    }

    private mutating func follow(_ words: [String], _ input: Int32?) throws -> Outcome {
        let command = try RemoteCommand(words, on: host, input: input, environment: context.environment)
        defer { screen.end() }
        while true {
            switch try command.next(timeout: screen.tickInterval, interrupt: signals.number) {
            case .line(let line): if try show(line) { return .done }
            case .message(let text): context.console.error("\(host): \(text.showable)")
            case .ended(let status): return try ended(status)
            case .interrupted: return .detached
            case .timedOut: screen.tick()
            }
        }
    }

    /// Whether that was the last word.
    private mutating func show(_ line: [UInt8]) throws -> Bool {
        guard let kind = try? WireJSON.decode(RemoteLine.self, from: line) else { return false }
        if let error = kind.error {
            guard progress.accepted != nil, error.mayPass else { throw error }
            return false
        }
        switch kind.event {
        case nil:
            // Of `--detach`: one object, and the end.
            guard let accepted = try? WireJSON.decode(OperationAccepted.self, from: line) else { return false }
            try OperationAnswer(context: context).tell(accepted)
            return true
        case "accepted":
            guard let accepted = try? WireJSON.decode(OperationAccepted.self, from: line) else { return false }
            if progress.begins(accepted, at: monotonicNow()) { write(line) }
            return false
        default: return try show(WireJSON.decode(OperationEvent.self, from: line), line)
        }
    }

    private mutating func show(_ event: OperationEvent, _ line: [UInt8]) throws -> Bool {
        guard progress.isNew(event, at: monotonicNow()) else { return false }
        write(line)
        if !context.global.json { screen.show(event) }
        if case .switched(let release, _) = event, leavesAtSwitch {
            screen.end()
            if !context.global.json {
                context.console.line("\(release ?? "The new version") has the traffic. \(detachedText)")
            }
            return true
        }
        guard case .finished(let result) = event else { return false }
        screen.end()
        guard let accepted = progress.accepted else {
            guard result.exitStatus == 0 else { throw ExitCode(result.exitStatus) }
            return true
        }
        try OperationReport(context: context, accepted: accepted).tell(result)
        return true
    }

    /// For programs the line as it came: a newer server's events may have members that are not known here.
    private func write(_ line: [UInt8]) {
        if context.global.json { context.console.write(line + [UInt8(ascii: "\n")]) }
    }

    /// The command over there ended without its last word. Before anything was accepted its exit status says why, and what
    /// it had to say was shown.
    private func ended(_ status: Int32) throws -> Outcome {
        guard progress.accepted == nil, status != 255 else { return .lost(status: status) }
        guard !(1...6).contains(status) else { throw ExitCode(status) }
        throw ControlError(
            .failed, "The command on \(host) ended with exit status \(status), without an answer.",
            hint:
                "Is passenger installed there, and in the PATH of a login without a terminal? Try: ssh \(host) passenger --version"
        )
    }

    private func gaveUp(_ status: Int32) -> ControlError {
        guard let accepted = progress.accepted, let deploy = accepted.deploy else {
            return ControlError(
                .failed, "There is no connection to \(host): ssh ended with \(status) before the deploy was accepted.",
                hint: "Try: ssh -o BatchMode=yes \(host) true, and whether anything began: passenger deploys.")
        }
        let minutes = Int(Reattachment.patience.inSeconds / 60)
        return ControlError(
            .timedOut,
            "\(host) could not be reached for \(minutes) minutes; deploy \(deploy) goes on without an onlooker.",
            hint: "See what became of it: ssh \(host) passenger deploys show \(deploy) --app \(accepted.app)")
    }

    private var detachedText: String {
        guard let accepted = progress.accepted, let deploy = accepted.deploy else {
            return "Stopped before \(host) had accepted the deploy; see there: passenger deploys"
        }
        return "Deploy \(deploy) goes on. Follow it again: "
            + "ssh \(host) passenger deploys attach \(deploy) --app \(accepted.app)"
    }

    /// True when its user has seen enough.
    private func sleeps(_ time: Duration) -> Bool {
        var polled = pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, Int32(clamping: Int64(time.inMilliseconds))) > 0
    }
}

private struct RemoteLine: Decodable {
    var event: String?
    var error: ControlError?
}

extension ControlError {
    /// A server that was away when it was asked may be there again in a moment.
    fileprivate var mayPass: Bool {
        switch code {
        case .failed, .internalError, .notRunning, .superseded, .timedOut: true
        case .usage, .bodyTooLarge, .unknownApp, .notFound, .methodNotAllowed, .refused, .forbidden, .rolledBack,
            .unauthorized, .tooManyAttempts:
            false
        }
    }
}
