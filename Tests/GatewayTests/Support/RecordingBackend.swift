import Glibc
import Model
import Pool
import Synchronization

/// A request as a backend took it from the bytes: names as CGI variables, whatever the wire protocol.
struct RecordedRequest: Equatable {
    var method: String
    var path: String
    var fields: [String: String]
    /// Names that were there more than once.
    var repeated: [String] = []
    /// Head as it came.
    var head: String
    var body: [UInt8]
}

/// A worker that keeps every byte it gets, and answers each request with its method, path and body.
final class RecordingBackend: Sendable {
    private let bytes = Mutex<[UInt8]>([])
    private let wire: WorkerProtocol

    init(_ wire: WorkerProtocol) { self.wire = wire }

    /// What came since the last call.
    func take() -> [UInt8] {
        bytes.withLock { bytes in
            defer { bytes = [] }
            return bytes
        }
    }

    var behaviour: FakeWorker.Behaviour {
        { [self] connection in
            var waiting: [UInt8] = []
            while true {
                let received = try connection.stream.readSome()
                if received.isEmpty { return }
                bytes.withLock { $0 += received }
                waiting += received
                while let (request, length) = BackendReading(wire, .strict).first(in: waiting) {
                    waiting.removeFirst(length)
                    let body = String(decoding: request.body, as: UTF8.self)
                    try connection.answer("\(request.method) \(request.path) \(body)")
                }
            }
        }
    }
}

/// How a backend finds requests in bytes. Real ones are lenient, each in its own way; what they read must be the same.
struct BackendReading {
    enum Dialect: CaseIterable {
        case strict
        /// Content-Length goes before Transfer-Encoding.
        case lengthFirst
        /// Any Transfer-Encoding that mentions chunked is chunked; `Transfer_Encoding` and `Transfer-Encoding ` are it too.
        case looseNames
        /// LF or CR alone ends a line, folded lines are joined.
        case looseLines
    }

    private let wire: WorkerProtocol
    private let dialect: Dialect

    init(_ wire: WorkerProtocol, _ dialect: Dialect) {
        self.wire = wire
        self.dialect = dialect
    }

    /// All whole requests, and how many bytes are left over.
    func all(in bytes: [UInt8]) -> (requests: [RecordedRequest], rest: Int) {
        var rest = bytes
        var requests: [RecordedRequest] = []
        while let (request, length) = first(in: rest) {
            requests.append(request)
            rest.removeFirst(length)
        }
        return (requests, rest.count)
    }

    /// The first request and its length; nil when there is no whole one.
    func first(in bytes: [UInt8]) -> (RecordedRequest, length: Int)? {
        wire == .session ? firstOfSession(bytes) : firstOfHTTP(bytes)
    }

    private func firstOfSession(_ bytes: [UInt8]) -> (RecordedRequest, length: Int)? {
        guard bytes.count >= 4 else { return nil }
        let end = 4 + bytes[..<4].reduce(0) { $0 << 8 | Int($1) }
        guard bytes.count >= end else { return nil }
        let texts = bytes[4..<end].dropLast().split(separator: 0, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        var request = RecordedRequest(
            method: "", path: "", fields: [:], head: String(decoding: bytes[4..<end], as: UTF8.self), body: [])
        for at in stride(from: 0, to: texts.count - 1, by: 2) { request.add(texts[at], texts[at + 1]) }
        request.method = request.fields["REQUEST_METHOD"] ?? ""
        request.path = request.fields["REQUEST_URI"] ?? ""
        return withBody(request, bytes, end)
    }

    private func firstOfHTTP(_ bytes: [UInt8]) -> (RecordedRequest, length: Int)? {
        guard let end = endOfHead(bytes) else { return nil }
        var head = String(decoding: bytes[..<end], as: UTF8.self)
        if dialect == .looseLines {
            for (from, to) in [("\r\n", "\n"), ("\r", "\n"), ("\n ", " "), ("\n\t", " ")] {
                head = head.split(separator: from, omittingEmptySubsequences: false).joined(separator: to)
            }
        }
        var lines = head.split(whereSeparator: { $0 == "\r\n" || (dialect == .looseLines && $0 == "\n") })[...]
        let start = (lines.popFirst() ?? "").split(separator: " ", omittingEmptySubsequences: false)
        var request = RecordedRequest(
            method: start.first.map(String.init) ?? "", path: start.count > 1 ? String(start[1]) : "", fields: [:],
            head: head, body: [])
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            request.add(variable(String(parts[0])), trim(String(parts[1])))
        }
        return withBody(request, bytes, end)
    }

    private func endOfHead(_ bytes: [UInt8]) -> Int? {
        let ends: [[UInt8]] =
            dialect == .looseLines ? [[13, 10, 13, 10], [10, 10], [13, 13], [10, 13, 10]] : [[13, 10, 13, 10]]
        for at in bytes.indices {
            for end in ends where bytes[at...].starts(with: end) { return at + end.count }
        }
        return nil
    }

    private func variable(_ name: String) -> String {
        let name = dialect == .looseNames ? trim(name) : name
        let upper = String(name.uppercased().map { $0 == "-" ? "_" : $0 })
        return upper == "CONTENT_LENGTH" || upper == "CONTENT_TYPE" ? upper : "HTTP_" + upper
    }

    private func trim(_ text: String) -> String {
        var text = Substring(text)
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return String(text)
    }

    private func withBody(
        _ request: RecordedRequest, _ bytes: [UInt8], _ start: Int
    ) -> (RecordedRequest, length: Int)? {
        var request = request
        let length = request.fields["CONTENT_LENGTH"].flatMap { Int($0) }
        let coding = request.fields["HTTP_TRANSFER_ENCODING"]?.lowercased()
        let isChunked = dialect == .looseNames ? coding?.contains("chunked") == true : coding == "chunked"
        if isChunked, dialect != .lengthFirst || length == nil {
            guard let (body, end) = chunks(bytes, start) else { return nil }
            request.body = body
            return (request, end)
        }
        guard bytes.count - start >= length ?? 0 else { return nil }
        request.body = Array(bytes[start..<(start + (length ?? 0))])
        return (request, start + (length ?? 0))
    }

    private func chunks(_ bytes: [UInt8], _ start: Int) -> (body: [UInt8], end: Int)? {
        var at = start
        var body: [UInt8] = []
        func line() -> String? {
            guard let end = bytes[at...].firstIndex(of: 10) else { return nil }
            defer { at = end + 1 }
            return String(decoding: bytes[at..<end].filter { $0 != 13 }, as: UTF8.self)
        }
        while let text = line() {
            guard let size = Int(text.prefix { $0.isHexDigit }, radix: 16), size >= 0 else { return nil }
            if size == 0 {
                while let trailer = line() { if trailer.isEmpty { return (body, at) } }
                return nil
            }
            guard bytes.count - at >= size + 2 else { return nil }
            body += bytes[at..<(at + size)]
            at += size + 2
        }
        return nil
    }
}

extension RecordedRequest {
    fileprivate mutating func add(_ name: String, _ value: String) {
        if fields.updateValue(value, forKey: name) != nil { repeated.append(name) }
    }
}
