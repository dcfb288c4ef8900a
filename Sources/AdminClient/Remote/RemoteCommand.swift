package import AdminAPI
import Glibc
import Linux
import Model

/// A command on another host: an ssh client, its output line by line. Ended and waited for when its owner lets go.
package final class RemoteCommand {
    package enum Step: Sendable, Equatable {
        case line([UInt8])
        /// What ssh, or the command over there, says to people.
        case message(String)
        /// ssh's own exit status: 255 when there is no connection (ssh(1)), else the command's.
        case ended(Int32)
        case interrupted
        case timedOut
    }

    private static let maxLine = 1 << 20
    private let pid: Int32
    private let output: Descriptor
    private let errors: Descriptor
    private var lines: [UInt8] = []
    private var messages: [UInt8] = []
    private var errorsEnded = false
    private var status: Int32?

    /// `input` becomes its standard input; nil is an empty one. `environment` is `NAME=VALUE`, and has PATH and what
    /// ssh needs of its user (SSH_AUTH_SOCK).
    package init(
        _ words: [String], on host: RemoteHost, input: Int32? = nil, environment: [String: String]
    ) throws(ControlError) {
        guard let path = RemoteCommand.find("ssh", environment["PATH"]) else {
            throw ControlError(.failed, "The OpenSSH client, ssh, is not in PATH.")
        }
        do throws(SystemError) {
            let output = try Pipe()
            let errors = try Pipe()
            let null = try openFile("/dev/null", flags: O_RDONLY)
            pid = try spawnProcess(
                path: path, arguments: host.arguments(words), environment: environment.map { "\($0.key)=\($0.value)" },
                moves: [
                    DescriptorMove(source: input ?? null.number, target: 0),
                    DescriptorMove(source: output.writer.number, target: 1),
                    DescriptorMove(source: errors.writer.number, target: 2),
                ])
            self.output = try output.reader.duplicate()
            self.errors = try errors.reader.duplicate()
        } catch {
            throw ControlError(.failed, "ssh cannot be started: \(error).")
        }
    }

    deinit {
        guard status == nil else { return }
        kill(pid, SIGTERM)
        // It ends at once, and if it hangs it is not waited for.
        if let process = try? pidfdOpen(pid: pid) {
            var polled = pollfd(fd: process.number, events: Int16(POLLIN), revents: 0)
            if poll(&polled, 1, 2000) <= 0 { kill(pid, SIGKILL) }
        }
        _ = try? waitForChild(pid)
    }

    package func next(timeout: Duration, interrupt: Int32) throws(ControlError) -> Step {
        let deadline = monotonicNow() + timeout
        while true {
            if let line = RemoteCommand.take(&lines) { return .line(line) }
            if let text = RemoteCommand.take(&messages) { return .message(String(decoding: text, as: UTF8.self)) }
            if let status { return .ended(status) }
            guard lines.count <= RemoteCommand.maxLine else {
                throw ControlError(.failed, "The host sent a line over \(RemoteCommand.maxLine) bytes.")
            }
            let left = max(deadline - monotonicNow(), .zero)
            switch wait(left, interrupt) {
            case .interrupted: return .interrupted
            case .timedOut: return .timedOut
            default: break
            }
        }
    }

    /// The ends of both streams are not waited for alike: an ssh that shares its connection leaves a process behind that
    /// keeps standard error open.
    private func wait(_ time: Duration, _ interrupt: Int32) -> Step? {
        var polled = [
            pollfd(fd: interrupt, events: Int16(POLLIN), revents: 0),
            pollfd(fd: output.number, events: Int16(POLLIN), revents: 0),
            pollfd(fd: errorsEnded ? -1 : errors.number, events: Int16(POLLIN), revents: 0),
        ]
        let milliseconds = Int32(clamping: Int64(time.inMilliseconds.rounded(.up)))
        guard poll(&polled, nfds_t(polled.count), milliseconds) > 0 else { return .timedOut }
        if polled[0].revents != 0 { return .interrupted }
        if polled[2].revents != 0 { readErrors() }
        if polled[1].revents != 0, RemoteCommand.read(output.number, into: &lines) { end() }
        return nil
    }

    private func readErrors() {
        errorsEnded = RemoteCommand.read(errors.number, into: &messages)
        // Nobody has so much to say.
        if messages.count > 1 << 16 { messages.removeFirst(messages.count - 1 << 16) }
        if errorsEnded, !messages.isEmpty { messages.append(UInt8(ascii: "\n")) }
    }

    private func end() {
        var polled = pollfd(fd: errors.number, events: Int16(POLLIN), revents: 0)
        while !errorsEnded, poll(&polled, 1, 500) > 0 { readErrors() }
        if case .exited(let code) = try? waitForChild(pid) { status = Int32(code) } else { status = 255 }
    }

    /// True at the end of the stream.
    private static func read(_ descriptor: Int32, into bytes: inout [UInt8]) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 32 * 1024)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        if count > 0 { bytes += buffer[..<count] }
        return count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)
    }

    private static func take(_ bytes: inout [UInt8]) -> [UInt8]? {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        defer { bytes.removeFirst(end + 1) }
        return Array(bytes[..<end])
    }

    private static func find(_ name: String, _ path: String?) -> String? {
        (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").map { "\($0)/\(name)" }
            .first { access($0, X_OK) == 0 }
    }
}
