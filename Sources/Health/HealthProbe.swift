internal import HTTP1
internal import Linux
internal import Model

/// Asks a worker one question over a fresh connection. Blocks, for `timeLimit` at most: run it on a thread of its own.
package enum HealthProbe {
    /// Bytes of a body that are read.
    package static let bodyLimit = 64 << 10

    package static func run(
        address: ProbeAddress, wireProtocol: ProbeProtocol, request: ProbeRequest, timeLimit: Duration
    ) -> ProbeResult {
        let start = monotonicNow()
        let outcome: Result<ProbeAnswer, ProbeFailure>
        do throws(ProbeFailure) {
            let bytes = try request.encoded(for: wireProtocol)
            let connection = try ProbeConnection.open(address, deadline: start + timeLimit)
            try connection.send(bytes)
            var reader = AnswerReader(timeLimit: timeLimit)
            outcome = .success(try reader.read(from: connection))
        } catch {
            outcome = .failure(error)
        }
        return ProbeResult(
            url: request.url, headers: request.headers, outcome: outcome, duration: monotonicNow() - start)
    }
}

/// Reads one response, head and the start of its body.
private struct AnswerReader {
    private let timeLimit: Duration
    private var bytes: [UInt8] = []
    private var head = ResponseHead()

    init(timeLimit: Duration) { self.timeLimit = timeLimit }

    mutating func read(from connection: borrowing ProbeConnection) throws(ProbeFailure) -> ProbeAnswer {
        let headLength = try readHead(from: connection)
        var answer = bytes.withUnsafeBytes { raw in
            ProbeAnswer(
                status: head.status, reason: head.reason.string(raw),
                headers: head.fields.map { [$0.name.string(raw), $0.value.string(raw)] })
        }
        bytes.removeFirst(headLength)
        try readBody(from: connection, into: &answer)
        return answer
    }

    /// Length of the final head; interim ones are skipped.
    private mutating func readHead(from connection: borrowing ProbeConnection) throws(ProbeFailure) -> Int {
        var parser = ResponseHeadParser()
        while true {
            let result = bytes.withUnsafeBytes { parser.parse($0, requestMethod: .get, into: &head) }
            switch result {
            case .complete(let length) where head.isInformational: bytes.removeFirst(length)
            case .complete(let length): return length
            case .rejected(let reason): throw ProbeFailure(.malformed, "\(reason)\(shownStart)")
            case .needMore:
                let more = try connection.receive(into: &bytes, orFail: "no answer within \(timeLimit.inWords)")
                if !more {
                    throw ProbeFailure(.closed, "the worker closed the connection before it answered\(shownStart)")
                }
            }
        }
    }

    /// What came instead of HTTP usually names the culprit.
    private var shownStart: String {
        bytes.isEmpty ? "" : ": " + String(decoding: bytes.prefix(200), as: UTF8.self).debugDescription
    }

    private mutating func readBody(
        from connection: borrowing ProbeConnection, into answer: inout ProbeAnswer
    ) throws(ProbeFailure) {
        switch head.framing {
        case .none: break
        case .length(let length):
            let wanted = min(length, HealthProbe.bodyLimit)
            while bytes.count < wanted { try receiveMore(from: connection) }
            answer.body = Array(bytes.prefix(wanted))
            answer.bodyComplete = wanted == length
        case .chunked: try readChunks(from: connection, into: &answer)
        case .untilClose:
            answer.bodyComplete = false
            do throws(ProbeFailure) {
                while bytes.count <= HealthProbe.bodyLimit, !answer.bodyComplete {
                    answer.bodyComplete = try !connection.receive(into: &bytes, orFail: "")
                }
            } catch  where error.kind == .timedOut {
                // A stream without an end: its head was the answer.
            }
            answer.body = Array(bytes.prefix(HealthProbe.bodyLimit))
        }
    }

    private mutating func readChunks(
        from connection: borrowing ProbeConnection, into answer: inout ProbeAnswer
    ) throws(ProbeFailure) {
        var decoder = ChunkedDecoder()
        answer.bodyComplete = false
        while answer.body.count < HealthProbe.bodyLimit {
            var offset = 0
            switch bytes.withUnsafeBytes({ decoder.next($0, at: &offset) }) {
            case .data(let range):
                answer.body += bytes[Int(range.start)..<Int(range.end)].prefix(
                    HealthProbe.bodyLimit - answer.body.count)
            case .trailer: break
            case .end:
                answer.bodyComplete = true
                return
            case .rejected(let reason): throw ProbeFailure(.malformed, "\(reason)")
            case .needMore:
                bytes.removeAll(keepingCapacity: true)
                do throws(ProbeFailure) {
                    try receiveMore(from: connection)
                } catch  where error.kind == .timedOut {
                    return
                }
                continue
            }
            bytes.removeFirst(offset)
        }
    }

    private mutating func receiveMore(from connection: borrowing ProbeConnection) throws(ProbeFailure) {
        let waiting = "the body did not end within \(timeLimit.inWords)"
        if try connection.receive(into: &bytes, orFail: waiting) { return }
        throw ProbeFailure(.closed, "the worker closed the connection in the middle of the body")
    }
}
