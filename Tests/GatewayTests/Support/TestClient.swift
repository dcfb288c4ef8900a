import Glibc
import Linux

/// An answer as a client sees it.
struct Answer: Sendable {
    var status: Int
    var head: String
    var body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }

    func field(_ name: String) -> String? {
        let prefix = name.lowercased() + ":"
        return head.split(separator: "\r\n").first { $0.lowercased().hasPrefix(prefix) }
            .map { line in
                var value = line.dropFirst(prefix.count)
                while value.first == " " { value.removeFirst() }
                return String(value)
            }
    }
    var endsConnection: Bool { field("Connection") == "close" }
}

/// A client that does exactly what it is told.
final class TestClient {
    let stream: SocketStream

    init(port: UInt16, receiveBuffer: Int32? = nil) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        if var size = receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        stream = SocketStream(descriptor)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw TestFailure("connect: \(String(cString: strerror(errno)))") }
    }

    func send(_ text: String) throws { try stream.send(text) }

    func get(_ path: String = "/", _ fields: String = "") throws -> Answer {
        try send("GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
        return try answer()
    }

    func post(_ path: String = "/", _ body: [UInt8]) throws -> Answer {
        try send("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n")
        try stream.send(body)
        return try answer()
    }

    /// The next answer, whole. 1xx answers count as answers of their own.
    func answer(toHead: Bool = false) throws -> Answer {
        guard let head = try stream.read(through: "\r\n\r\n") else { throw TestFailure("the connection ended") }
        guard head.hasPrefix("HTTP/1.1 "), let status = Int(head.dropFirst(9).prefix(3)) else {
            throw TestFailure("no answer: \(head.prefix(80))")
        }
        var answer = Answer(status: status, head: head, body: [])
        if toHead || status < 200 || status == 204 || status == 304 { return answer }
        if let length = answer.field("Content-Length").flatMap(Int.init) {
            answer.body = length == 0 ? [] : try stream.read(length) ?? []
            guard answer.body.count == length else { throw TestFailure("the body is missing") }
        } else if answer.field("Transfer-Encoding") == "chunked" {
            answer.body = try chunks()
        } else {
            answer.body = try stream.readToEnd()
        }
        return answer
    }

    func chunks() throws -> [UInt8] {
        var body: [UInt8] = []
        while true {
            guard let line = try stream.read(through: "\r\n"), let size = Int(line.dropLast(1), radix: 16) else {
                throw TestFailure("no chunk size")
            }
            if size > 0 { body += try stream.read(size) ?? [] }
            guard try stream.read(2) == [13, 10] else { throw TestFailure("no end of chunk") }
            if size == 0 { return body }
        }
    }

    /// Whether the server ends the connection, with nothing more to say.
    func isEnded() -> Bool { (try? stream.readSome().isEmpty) ?? false }
}
