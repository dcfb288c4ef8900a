import Glibc
import Health
import Linux

/// A real server on a Unix socket or a port of 127.0.0.1, in a thread of its own: takes one connection, reads until the
/// request's head is there, sends what the script says, and hands back what it read.
final class ScriptedServer: @unchecked Sendable {
    enum Step {
        case send(String)
        /// Keep the connection open until the peer closes it.
        case hang
        case close
    }

    let address: ProbeAddress
    private let listener: Int32
    private let path: String?
    private var thread = pthread_t()
    private var running = false
    private let script: [Step]
    /// Bytes that end a request head: an empty line, or for the session protocol what its length says.
    private let wireProtocol: ProbeProtocol
    private var request: [UInt8] = []

    init(_ wireProtocol: ProbeProtocol, tcp: Bool = false, _ script: [Step]) throws {
        self.wireProtocol = wireProtocol
        self.script = script
        if tcp {
            let socket = try bindTCP(host: "127.0.0.1", port: 0, sharesPort: false)
            address = .tcp(port: try boundPort(socket.number))
            path = nil
            listener = socket.release()
        } else {
            let name = "/tmp/health-test-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
            let socket = try bindUnix(path: name, mode: 0o600)
            address = .unix(path: name)
            path = name
            listener = socket.release()
        }
        try startListening(listener, backlog: 4, subject: address.description)
        let context = Unmanaged.passRetained(self).toOpaque()
        let result = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<ScriptedServer>.fromOpaque(context).takeRetainedValue().serve()
                return nil
            }, context)
        running = result == 0
    }

    /// Ends the thread and gives what the server read.
    func finish() -> [UInt8] {
        if running {
            // Wakes an accept(2) that nobody came to.
            shutdown(listener, Int32(SHUT_RDWR))
            pthread_join(thread, nil)
            running = false
            close(listener)
            if let path { unlink(path) }
        }
        return request
    }

    private func serve() {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        defer { close(connection) }
        while !headComplete {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return }
            request += buffer[..<count]
        }
        for step in script {
            switch step {
            case .send(let text):
                let bytes = Array(text.utf8)
                var sent = 0
                while sent < bytes.count {
                    let count = bytes.withUnsafeBytes {
                        send(connection, $0.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
                    }
                    guard count > 0 else { return }
                    sent += count
                }
            case .hang:
                var byte: UInt8 = 0
                while recv(connection, &byte, 1, 0) > 0 {}
            case .close: return
            }
        }
    }

    private var headComplete: Bool {
        switch wireProtocol {
        case .http: return request.suffix(4).elementsEqual("\r\n\r\n".utf8)
        case .session:
            guard request.count >= 4 else { return false }
            return request.count == 4 + request[..<4].reduce(0) { $0 << 8 | Int($1) }
        }
    }
}
