import AdminAPI

/// Reads one HTTP/1.1 response from bytes as they come (RFC 9112 section 6), for a client that trusts its server and
/// closes after one exchange. Pure: no I/O.
struct ResponseReader {
    private enum State: Equatable {
        case head
        case counted(remaining: Int)
        case chunkSize
        case chunkData(remaining: Int)
        case chunkEnd
        case trailers
        case untilClose
        case done
    }

    private static let maxLine = 64 * 1024
    private var state = State.head
    private var pending: [UInt8] = []
    private var headLines: [String] = []
    private var body: [UInt8] = []

    /// 0 until the head has been read.
    private(set) var status = 0
    var hasHead: Bool { status != 0 && state != .head }
    var isDone: Bool { state == .done }

    mutating func feed(_ bytes: [UInt8]) throws(ControlError) {
        pending += bytes
        while try step() {}
    }

    /// The peer closed: the end of a body that has no length, too early for any other.
    mutating func feedEnd() throws(ControlError) {
        if state == .untilClose { state = .done }
        guard state == .done else { throw ResponseReader.cutOff }
    }

    /// Body bytes that came since the last call.
    mutating func takeBody() -> [UInt8] {
        defer { body = [] }
        return body
    }

    static let cutOff = ControlError(
        .failed, "The server closed the connection in the middle of an answer.",
        hint: "Its core may have been restarted: see passenger status.")

    private mutating func step() throws(ControlError) -> Bool {
        switch state {
        case .head:
            guard let line = try takeLine() else { return false }
            if line.isEmpty { try finishHead() } else { headLines.append(line) }
        case .counted(let remaining):
            let taken = takeBody(atMost: remaining)
            state = taken == remaining ? .done : .counted(remaining: remaining - taken)
            return false
        case .chunkSize:
            guard let line = try takeLine() else { return false }
            let digits = line.prefix { $0.isHexDigit }
            guard let size = Int(digits, radix: 16) else { throw malformed("chunk size \(line)") }
            state = size == 0 ? .trailers : .chunkData(remaining: size)
        case .chunkData(let remaining):
            let taken = takeBody(atMost: remaining)
            state = taken == remaining ? .chunkEnd : .chunkData(remaining: remaining - taken)
            return taken == remaining
        case .chunkEnd:
            guard try takeLine() != nil else { return false }
            state = .chunkSize
        case .trailers:
            guard let line = try takeLine() else { return false }
            if line.isEmpty { state = .done }
        case .untilClose:
            _ = takeBody(atMost: .max)
            return false
        case .done: return false
        }
        return true
    }

    private mutating func finishHead() throws(ControlError) {
        let first = (headLines.first ?? "").split(separator: " ", maxSplits: 2)
        guard first.count >= 2, first[0].hasPrefix("HTTP/1."), let code = Int(first[1]) else {
            throw malformed("status line \(headLines.first ?? "")")
        }
        let fields = headLines.dropFirst()
        headLines = []
        guard code >= 200 else { return }
        status = code
        let length = value(of: "content-length", in: fields)
        if code == 204 || code == 304 {
            state = .done
        } else if value(of: "transfer-encoding", in: fields)?.lowercased() == "chunked" {
            state = .chunkSize
        } else if let length {
            guard let count = Int(length), count >= 0 else { throw malformed("length \(length)") }
            state = count == 0 ? .done : .counted(remaining: count)
        } else {
            state = .untilClose
        }
    }

    private func value(of name: String, in fields: ArraySlice<String>) -> String? {
        for field in fields {
            guard let colon = field.firstIndex(of: ":"), field[..<colon].lowercased() == name else { continue }
            let text = field[field.index(after: colon)...]
            return String(text.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
        }
        return nil
    }

    private mutating func takeLine() throws(ControlError) -> String? {
        guard let end = pending.firstIndex(of: UInt8(ascii: "\n")) else {
            if pending.count > ResponseReader.maxLine { throw malformed("line over \(ResponseReader.maxLine) bytes") }
            return nil
        }
        let isCRLF = end > 0 && pending[end - 1] == UInt8(ascii: "\r")
        let line = String(decoding: pending[..<(isCRLF ? end - 1 : end)], as: UTF8.self)
        pending.removeFirst(end + 1)
        return line
    }

    private mutating func takeBody(atMost limit: Int) -> Int {
        let count = min(limit, pending.count)
        body += pending[..<count]
        pending.removeFirst(count)
        return count
    }

    private func malformed(_ what: String) -> ControlError {
        ControlError(.failed, "The admin socket answered something that is not HTTP: \(what).")
    }
}
