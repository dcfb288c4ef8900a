internal import HTTP1
package import Model

/// How a worker is spoken to.
package enum ProbeProtocol: String, Sendable {
    case session, http
}

/// Where a worker listens.
package enum ProbeAddress: Sendable, Equatable, CustomStringConvertible {
    case unix(path: String)
    /// On 127.0.0.1.
    case tcp(port: UInt16)

    package var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .tcp(let port): "127.0.0.1:\(port)"
        }
    }
}

/// The question that a probe asks.
package struct ProbeRequest: Sendable, Equatable {
    package var path: String
    package var host: String
    /// Names and values, sorted by name so that a probe is the same each time.
    package var headers: [[String]]
    /// Not a question, but something that a session worker is told: `oob_work`, or `state` and which. No request of a client
    /// can say so, because all that clients send becomes variables of other names.
    package var task: String?

    /// `path` takes the place of the settings' own. `serverName` is the app's first server name, for when `settings.host` is not set. `forwardedHTTPS` says that the
    /// browser's side speaks https: set after the app redirected there once.
    package init(
        _ settings: HealthSettings, path: String? = nil, serverName: String? = nil, forwardedHTTPS: Bool = false
    ) {
        self.path = path ?? settings.path ?? FoundPath.root.rawValue
        host = settings.host ?? serverName ?? "localhost"
        headers = settings.headers.sorted { $0.key < $1.key }.map { [$0.key, $0.value] }
        if forwardedHTTPS, !headers.contains(where: { $0[0].lowercased() == "x-forwarded-proto" }) {
            headers.append(["X-Forwarded-Proto", "https"])
        }
    }

    package var url: String { "http://\(host)\(path)" }

    /// The bytes to send. Path, host and headers come from a configuration file: they go through the same strict parser
    /// as a stranger's request, so that a line break in one of them is an error and not a second request.
    func encoded(for wireProtocol: ProbeProtocol) throws(ProbeFailure) -> [UInt8] {
        var text = "GET \(path) HTTP/1.1\r\nHost: \(host)\r\n"
        for header in headers { text += "\(header[0]): \(header[1])\r\n" }
        let standard = [["User-Agent", "passenger-health"], ["Accept", "*/*"]]
        for header in standard where !headers.contains(where: { $0[0].lowercased() == header[0].lowercased() }) {
            text += "\(header[0]): \(header[1])\r\n"
        }
        let bytes = Array((text + "\r\n").utf8)
        var parser = RequestHeadParser()
        var head = RequestHead()
        let result = bytes.withUnsafeBytes { parser.parse($0, into: &head) }
        switch result {
        case .complete(let length) where length == bytes.count: break
        case .rejected(let reason):
            throw ProbeFailure(.badRequest, "the health check's own request is wrong: \(reason)")
        default: throw ProbeFailure(.badRequest, "health.path, health.host or health.headers contains a line break")
        }
        return Self.write(head, bytes, wireProtocol, task: task)
    }

    private static func write(
        _ head: RequestHead, _ bytes: [UInt8], _ wireProtocol: ProbeProtocol, task: String?
    ) -> [UInt8] {
        let facts = ConnectionFacts(
            remoteAddress: "127.0.0.1", remotePort: 0, serverName: "localhost", serverPort: 80, isSecure: false)
        let forwarding = Forwarding(body: .none)
        let capacity = SessionHead.encodedSize(head, headLength: bytes.count, facts, extra: 64)
        return [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
            bytes.withUnsafeBytes { raw in
                switch wireProtocol {
                case .session:
                    SessionHead.begin(head, raw, facts, forwarding, to: &writer)
                    if let task { Array("PASSENGER_TASK\0\(task)\0".utf8).withUnsafeBytes { writer.write($0) } }
                    count = SessionHead.end(&writer) ?? 0
                case .http:
                    ForwardHead.begin(head, raw, forwarding, to: &writer)
                    writer.write("Connection: close\r\n")
                    count = ForwardHead.end(&writer) ?? 0
                }
            }
        }
    }
}
