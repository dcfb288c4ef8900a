import Glibc
import Linux

struct HTTPFailure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

struct HTTPAnswer: Sendable {
    var status: Int
    var headers: [String: String]
    var body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
    var line: String { String(text.prefix { $0 != "\n" }) }
}

/// A blocking HTTP/1.1 client that forgives nothing: a connection that ends without having said so, a body that is too
/// short, are failures.
final class HTTPConnection {
    private let socket: Int32
    private var buffer: [UInt8] = []
    private(set) var isOver = false

    init(port: Int, timeout: Int = 60) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: timeout, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var on: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // `deinit` closes it.
        if result != 0 { throw HTTPFailure("connect: \(SystemError.describe(errno))") }
    }

    deinit { close(socket) }

    func get(
        _ path: String, close: Bool = false, host: String = "test", headers: [String: String] = [:]
    ) throws -> HTTPAnswer {
        let fields = headers.map { "\($0.key): \($0.value)\r\n" }.joined() + (close ? "Connection: close\r\n" : "")
        try send("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n")
        return try readAnswer()
    }

    func post(_ path: String, _ body: [UInt8]) throws -> HTTPAnswer {
        try send("POST \(path) HTTP/1.1\r\nHost: test\r\nContent-Length: \(body.count)\r\n\r\n")
        try send(body)
        return try readAnswer()
    }

    /// In chunks of sizes that are no multiple of anything.
    func postChunked(_ path: String, _ body: [UInt8]) throws -> HTTPAnswer {
        try send("POST \(path) HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
        var rest = body[...]
        var size = 1009
        while !rest.isEmpty {
            let chunk = rest.prefix(size)
            rest = rest.dropFirst(size)
            try send(Array("\(String(chunk.count, radix: 16))\r\n".utf8) + chunk + [13, 10])
            size = size * 7 % 60_013 + 1
        }
        try send("0\r\n\r\n")
        return try readAnswer()
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw HTTPFailure("send: \(SystemError.describe(errno))") }
            sent += count
        }
    }

    func readAnswer() throws -> HTTPAnswer {
        let lines = try readHead()
        let parts = lines[0].split(separator: " ", maxSplits: 2)
        guard parts.count >= 2, let status = Int(parts[1]) else { throw HTTPFailure("no status line: \(lines[0])") }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { throw HTTPFailure("no field: \(line)") }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].drop { $0 == " " }.description
        }
        var answer = HTTPAnswer(status: status, headers: headers, body: [])
        if headers["connection"]?.lowercased() == "close" { isOver = true }
        if headers["transfer-encoding"]?.lowercased() == "chunked" {
            answer.body = try readChunks()
        } else if let length = headers["content-length"].flatMap({ Int($0) }) {
            answer.body = try take(length)
        } else {
            isOver = true
            while try receive() {}
            answer.body = buffer
            buffer = []
        }
        return answer
    }

    private func readHead() throws -> [String] {
        var lines: [String] = []
        while true {
            let line = try readLine()
            if line.isEmpty { return lines }
            lines.append(line)
        }
    }

    private func readChunks() throws -> [UInt8] {
        var body: [UInt8] = []
        while true {
            let line = try readLine()
            guard let size = Int(line, radix: 16) else { throw HTTPFailure("no chunk size: \(line)") }
            body += try take(size)
            guard try readLine().isEmpty else { throw HTTPFailure("a chunk is longer than it says") }
            if size == 0 { return body }
        }
    }

    private func readLine() throws -> String {
        var from = 0
        while true {
            if let end = buffer[from...].firstIndex(of: 10) {
                let line = buffer[..<end].dropLast(buffer[..<end].last == 13 ? 1 : 0)
                defer { buffer.removeFirst(end + 1) }
                return String(decoding: line, as: UTF8.self)
            }
            from = buffer.count
            guard try receive() else { throw HTTPFailure("the connection ended in front of an answer, or in its head") }
        }
    }

    private func take(_ count: Int) throws -> [UInt8] {
        while buffer.count < count {
            guard try receive() else { throw HTTPFailure("truncated: \(buffer.count) of \(count) bytes") }
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer.prefix(count))
    }

    /// Everything up to the line in which this is found.
    func readLines(until text: String) throws -> String {
        var lines = ""
        while !lines.contains(text) { lines += try readLine() + "\n" }
        return lines
    }

    /// False at the end of the connection.
    func receive() throws -> Bool {
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = recv(socket, &bytes, bytes.count, 0)
        guard count >= 0 else { throw HTTPFailure("recv: \(SystemError.describe(errno))") }
        buffer += bytes.prefix(count)
        return count > 0
    }
}

/// One request on a connection of its own.
func fetch(
    _ path: String, port: Int, timeout: Int = 60, host: String = "test", headers: [String: String] = [:]
) throws -> HTTPAnswer {
    try HTTPConnection(port: port, timeout: timeout).get(path, close: true, host: host, headers: headers)
}
