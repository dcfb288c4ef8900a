/// Random requests: mostly well formed, with the oddities that attacks are made of, then mutated byte by byte.
struct RequestGenerator {
    private var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    private static let methods = ["GET", "GET", "POST", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "REPORT"]
    private static let targets = [
        "/", "/", "/", "/", "/a/b?c=d", "/a/b?c=d", "/c", "/d/e.f", "/%41", "/%41%zz", "/a%20b?%zz", "//x", "*",
        "http://h/p?q", "http://h", "/a#b", "/\u{7f}", "/é",
        "a:1",
        "/?", "/a?b?c", "https://u@h/",
    ]
    private static let versions = [
        "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0",
        "http/1.1",
    ]
    private static let fields = [
        "Host: a", "Accept: */*", "Accept-Encoding: gzip", "User-Agent: wrk", "X-A: 1", "X-B: 2", "X-Empty:",
        "X: a\tb ", "X-Ü: a", "X : a", "Content-Length: 3",
        "Content-Length: 03", "Content-Length: 3, 3", "Content-Length: +3", "Transfer-Encoding: chunked",
        "Transfer-Encoding: Chunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked", "Connection: close", "Connection: keep-alive, X", "Connection: upgrade",
        "Upgrade: websocket", "Expect: 100-continue", "Cookie: a=b; c=d", " folded", "X_Y: z", "Transfer_Encoding: x",
        "Content-Length : 3", "Trailer: X", "TE: trailers", "X: \u{80}é",
    ]
    private static let bodies = [
        "", "abc", "3\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n", "1\r\nx\r\n0\r\n\r\n", "0\r\n\r\n",
        "a;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\n",
        "03\r\nabc\r\n0\r\n\r\n",
        "3 \r\nabc\r\n0\r\n\r\n", "3\nabc\n0\n\n", "1\r\na\r\n2\r\nbc\r\n00\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nabc", "0\r\nContent-Length: 5\r\n\r\n", "+3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
    ]
    private static let poison: [UInt8] = [0, 9, 10, 13, 32, 44, 47, 48, 58, 59, 95, 127, 128, 255]

    mutating func next() -> [UInt8] {
        var text = Int.random(in: 0..<30, using: &random) == 0 ? "\r\n" : ""
        text += "\(pick(Self.methods)) \(pick(Self.targets)) \(pick(Self.versions))\r\n"
        if Int.random(in: 0..<10, using: &random) > 0 { text += "Host: example.org\r\n" }
        for _ in 0..<Int.random(in: 0...3, using: &random) { text += pick(Self.fields) + "\r\n" }
        if Bool.random(using: &random) {
            // A body that fits, so that enough messages are good ones.
            let chunked = Bool.random(using: &random)
            text += chunked ? "Transfer-Encoding: chunked\r\n\r\n" + pick(Self.bodies) : "Content-Length: 3\r\n\r\nabc"
        } else {
            text += "\r\n" + pick(Self.bodies)
        }
        var bytes = Array(text.utf8)
        if Bool.random(using: &random) {
            for _ in 0..<Int.random(in: 1...3, using: &random) { mutate(&bytes) }
        }
        return bytes
    }

    private mutating func pick(_ choices: [String]) -> String {
        choices[Int.random(in: 0..<choices.count, using: &random)]
    }

    mutating func mutate(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let place = Int.random(in: 0..<bytes.count, using: &random)
        let poison = Self.poison[Int.random(in: 0..<Self.poison.count, using: &random)]
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[place] = poison
        case 1: bytes.insert(poison, at: place)
        case 2: bytes.remove(at: place)
        case 3: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 4: bytes.swapAt(place, Int.random(in: 0..<bytes.count, using: &random))
        default:
            let end = min(bytes.count, place + Int.random(in: 1...12, using: &random))
            bytes.insert(contentsOf: bytes[place..<end], at: place)
        }
    }

    mutating func number(in range: Range<Int>) -> Int { Int.random(in: range, using: &random) }
}
