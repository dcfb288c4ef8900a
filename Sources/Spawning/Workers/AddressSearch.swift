import Glibc
import Linux
import Model
import Pool
import Synchronization

/// Finds out where a generic app listens. It was offered three ways and takes one: `PORT`, `PASSENGER_SOCKET`, or the
/// inherited listener of `LISTEN_FDS`.
///
/// The last cannot be seen from outside, so one request waits in that listener's backlog: an answer means that the app
/// accepts there.
final class AddressSearch: Sendable {
    static let interval = Duration.milliseconds(100)

    private let port: Int
    private let socketPath: String?
    private let inheritedPath: String
    private let listening: ListeningTable
    private let canary = Mutex<Int32>(-1)

    init(port: Int, socketPath: String?, inheritedPath: String, listening: ListeningTable) {
        self.port = port
        self.socketPath = socketPath
        self.inheritedPath = inheritedPath
        self.listening = listening
    }

    /// Blocks for some milliseconds at most. `group` is the app's process group.
    func look(group: Int32) -> WorkerAddress? {
        if listening.recent().isServed(port, byGroup: group) { return .tcp(port: port) }
        if let socketPath, accepts(socketPath) { return .unix(path: socketPath) }
        if answersOnInherited() { return .unix(path: inheritedPath) }
        return nil
    }

    /// Why nothing was found, while its processes are there to be looked at: the commonest mistake is a fixed port.
    func hint(group: Int32) -> BootFailure {
        let others = listening.recent().ports(ofGroup: group).filter { $0 != port }
        guard !others.isEmpty else {
            return BootFailure(
                step: "listen", summary: "the app does not listen on $PORT (\(port)), $PASSENGER_SOCKET or LISTEN_FDS",
                hint: "Let the app serve HTTP on 127.0.0.1 and the port in the environment variable PORT.")
        }
        let list = others.map(String.init).joined(separator: ", ")
        return BootFailure(
            step: "listen", summary: "the app listens on \(list), not on $PORT (\(port))",
            hint: "Let the app take its port from the environment variable PORT.")
    }

    func close() {
        canary.withLock { descriptor in
            if descriptor >= 0 { _ = Descriptor(owning: descriptor) }
            descriptor = -1
        }
    }

    private func accepts(_ path: String) -> Bool {
        guard let connection = try? connectUnix(path: path, nonBlocking: true) else { return false }
        _ = consume connection
        return true
    }

    private func answersOnInherited() -> Bool {
        canary.withLock { descriptor in
            if descriptor < 0 {
                guard let connection = try? connectUnix(path: inheritedPath, nonBlocking: true) else { return false }
                let request = "HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                guard (try? writeAll(connection.number, Array(request.utf8))) != nil else { return false }
                descriptor = connection.release()
            }
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard Glibc.poll(&poll, 1, 0) == 1, poll.revents & Int16(POLLIN) != 0 else { return false }
            return (try? readSome(descriptor, limit: 16))?.starts(with: Array("HTTP/".utf8)) ?? false
        }
    }
}

/// A TCP port on 127.0.0.1 that nobody has at this moment.
func freePort() throws -> Int {
    let socket = try bindTCP(host: "127.0.0.1", port: 0, sharesPort: false)
    return Int(try boundPort(socket.number))
}
