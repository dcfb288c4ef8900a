import HTTP1
import Model
import Synchronization

@testable import ResponseCache

let shop = AppName("shop")!  // A legal name.
let firstGeneration = GenerationNumber(1)
/// Sun, 06 Nov 1994 08:49:37 GMT.
let wallClock = 784_111_777

func instant(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9) + 1_000_000_000_000) }

func withRequest<Result>(_ text: String, _ body: (RequestHead, UnsafeRawBufferPointer) throws -> Result) rethrows
    -> Result
{
    var parser = RequestHeadParser()
    var head = RequestHead()
    return try Array(text.utf8).withUnsafeBytes { bytes in
        guard case .complete = parser.parse(bytes, into: &head) else { fatalError("not a request: \(text)") }
        return try body(head, bytes)
    }
}

func withAnswer<Result>(_ text: String, _ body: (ResponseHead, UnsafeRawBufferPointer) throws -> Result) rethrows
    -> Result
{
    var parser = ResponseHeadParser()
    var head = ResponseHead()
    return try Array(text.utf8).withUnsafeBytes { bytes in
        guard case .complete = parser.parse(bytes, requestMethod: .get, into: &head) else {
            fatalError("not a response: \(text)")
        }
        return try body(head, bytes)
    }
}

/// `fields` without the last line's end; `Host: example.com` when none of them is Host.
func requestText(_ line: String = "GET /", _ fields: [String] = []) -> String {
    let host = fields.contains { $0.lowercased().hasPrefix("host:") } ? [] : ["Host: example.com"]
    return (["\(line) HTTP/1.1"] + host + fields).joined(separator: "\r\n") + "\r\n\r\n"
}

func cacheRequest(
    _ line: String = "GET /", _ fields: [String] = [], app: AppName = shop,
    generation: GenerationNumber = firstGeneration, isSecure: Bool = false, trustsForwarding: Bool = false,
    cookie: String? = nil
) throws -> CacheRequest {
    var settings = CacheSettings()
    settings.varyByCookie = cookie
    return try withRequest(requestText(line, fields)) { head, bytes in
        try CacheRequest(
            head, bytes, app: app, generation: generation, isSecure: isSecure, trustsForwarding: trustsForwarding,
            settings: settings)
    }
}

final class Waiter: CacheWaiter {
    let told = Mutex<[CacheAnswer]>([])
    func cacheAnswered(_ answer: CacheAnswer) { told.withLock { $0.append(answer) } }
    var answers: [CacheAnswer] { told.withLock { $0 } }
}

extension CacheAnswer {
    var hit: CacheHit? { if case .hit(let hit) = self { hit } else { nil } }
    var token: FillToken? { if case .lead(let token) = self { token } else { nil } }
    var ticket: WaitTicket? { if case .wait(let ticket) = self { ticket } else { nil } }
    /// `hit`, `304`, `lead`, `pass`, `wait` or `504`.
    var name: String {
        switch self {
        case .hit(let hit): hit.head.status == 304 ? "304" : "hit"
        case .lead: "lead"
        case .pass: "pass"
        case .wait: "wait"
        case .notCached: "504"
        }
    }
}

extension CacheHit {
    /// What the client gets.
    var text: String {
        let bytes = [UInt8](unsafeUninitializedCapacity: encodedSize) { memory, count in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
            writeHead(keepAlive: true, clientMinor: 1, to: &writer)
            count = AnswerHead.end(&writer) ?? 0
        }
        return String(decoding: bytes + (sendsBody ? answer.body : []), as: UTF8.self)
    }
}

extension ResponseCache {
    func lookUp(_ request: CacheRequest, at seconds: Double, _ waiter: Waiter = Waiter()) -> CacheAnswer {
        lookUp(request, waiter: waiter, now: instant(seconds))
    }

    /// Gives the answer of the app; true when it is stored. The head gets a Content-Length unless it has framing.
    @discardableResult
    func fill(
        _ token: FillToken, _ fields: [String], status: String = "200 OK", body: String = "hello", at seconds: Double,
        generation: GenerationNumber = firstGeneration
    ) -> Bool {
        let head = answerText(fields, status: status, length: body.utf8.count)
        let isBegun = withAnswer(head) {
            begin(token, answeredBy: generation, $0, $1, now: instant(seconds), wallClock: wallClock + Int(seconds))
        }
        guard isBegun, Array(body.utf8).withUnsafeBytes({ append(token, $0, now: instant(seconds)) }) else {
            return false
        }
        return finish(token, now: instant(seconds))
    }
}

func answerText(_ fields: [String], status: String = "200 OK", length: Int = 5) -> String {
    let isFramed =
        status.hasPrefix("204")
        || fields.contains { $0.hasPrefix("Transfer-Encoding") || $0.hasPrefix("Content-Length") }
    let framing = isFramed ? [] : ["Content-Length: \(length)"]
    return (["HTTP/1.1 \(status)"] + fields.filter { $0 != "Content-Length: none" } + framing).joined(separator: "\r\n")
        + "\r\n\r\n"
}
