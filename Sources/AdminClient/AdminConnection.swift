import AdminAPI
import Glibc
import Linux
import Model

/// One request and its answer over a connection of its own.
struct AdminConnection: ~Copyable {
    enum Step: Sendable, Equatable {
        /// Body bytes, perhaps none yet.
        case bytes([UInt8])
        case done
        /// The interrupt descriptor became readable.
        case interrupted
        case timedOut
    }

    private let socket: Descriptor
    private var reader = ResponseReader()
    var status: Int { reader.status }
    var hasHead: Bool { reader.hasHead }

    private init(socket: consuming Descriptor) {
        self.socket = socket
    }

    /// Connects and sends the whole request.
    static func open(
        socketPath: String, method: String, path: String, body: [UInt8]
    ) throws(ControlError) -> AdminConnection {
        let connection = AdminConnection(socket: try connect(socketPath))
        var head = "\(method) \(path) HTTP/1.1\r\nHost: passenger\r\nConnection: close\r\n"
        if !body.isEmpty || method != "GET" {
            head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n"
        }
        try connection.send(Array("\(head)\r\n".utf8) + body)
        return connection
    }

    /// Connects, and sends all that comes from `descriptor` (borrowed), chunked: how much it is need not be known. Ends early
    /// when the server has answered already.
    static func open(
        socketPath: String, method: String, path: String, streaming descriptor: Int32
    ) throws(ControlError) -> AdminConnection {
        let connection = AdminConnection(socket: try connect(socketPath))
        let head = "\(method) \(path) HTTP/1.1\r\nHost: passenger\r\nConnection: close\r\n"
        try connection.send(Array("\(head)Transfer-Encoding: chunked\r\n\r\n".utf8))
        while true {
            let piece: [UInt8]
            do throws(SystemError) { piece = try readSome(descriptor, limit: 256 << 10) } catch {
                throw ControlError(.failed, "The archive cannot be read: \(error).")
            }
            var polled = pollfd(fd: connection.socket.number, events: Int16(POLLIN), revents: 0)
            if poll(&polled, 1, 0) > 0 { return connection }
            if piece.isEmpty { break }
            try connection.send(Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + Array("\r\n".utf8))
        }
        try connection.send(Array("0\r\n\r\n".utf8))
        return connection
    }

    private static func connect(_ socketPath: String) throws(ControlError) -> Descriptor {
        do throws(SystemError) {
            return try connectUnix(path: socketPath)
        } catch {
            throw connectError(error, socketPath: socketPath)
        }
    }

    /// Waits for bytes, for `interrupt` to become readable, or until `timeout` has passed (nil: for ever).
    mutating func next(timeout: Duration?, interrupt: Int32? = nil) throws(ControlError) -> Step {
        if reader.isDone { return .done }
        switch wait(timeout: timeout, interrupt: interrupt) {
        case .interrupted: return .interrupted
        case .timedOut: return .timedOut
        case .readable: break
        }
        var buffer = [UInt8](repeating: 0, count: 32 * 1024)
        let count = recv(socket.number, &buffer, buffer.count, 0)
        if count > 0 {
            try reader.feed(Array(buffer[..<count]))
        } else if count < 0 && errno == EINTR {
            return .bytes([])
        } else {
            try reader.feedEnd()
        }
        return .bytes(reader.takeBody())
    }

    private enum Readiness { case readable, interrupted, timedOut }

    private func wait(timeout: Duration?, interrupt: Int32?) -> Readiness {
        let events = Int16(POLLIN)
        var descriptors = [pollfd(fd: socket.number, events: events, revents: 0)]
        if let interrupt { descriptors.append(pollfd(fd: interrupt, events: events, revents: 0)) }
        let milliseconds = timeout.map { Int32(clamping: Int64($0.inMilliseconds.rounded(.up))) } ?? -1
        // A signal ends the wait early: the caller asks again.
        guard poll(&descriptors, nfds_t(descriptors.count), milliseconds) > 0 else { return .timedOut }
        if descriptors.count > 1 && descriptors[1].revents != 0 { return .interrupted }
        return .readable
    }

    /// A peer that answered and closed before it read everything (403, 413) breaks the pipe: its answer is still there.
    private func send(_ bytes: [UInt8]) throws(ControlError) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno == EPIPE || errno == ECONNRESET {
                return
            } else if errno != EINTR {
                throw ControlError(.failed, "The admin socket could not be written: \(SystemError.describe(errno)).")
            }
        }
    }

    private static func connectError(_ error: SystemError, socketPath: String) -> ControlError {
        switch error.errno {
        case ENOENT, ECONNREFUSED:
            ControlError(.notRunning, "No server answers at \(socketPath).", hint: "Start it: passenger start DIR")
        case EACCES, EPERM:
            ControlError(
                .forbidden, "The admin socket \(socketPath) may not be opened by this user.",
                hint: "Run the command as root or as the user that the server runs as.")
        default: ControlError(.failed, "The admin socket cannot be reached: \(error).")
        }
    }
}
