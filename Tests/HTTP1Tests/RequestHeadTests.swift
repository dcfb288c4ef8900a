import HTTP1
import Testing

@Suite struct RequestHeadTests {
    @Test("a message is accepted or refused as its section of the RFC has it", arguments: requestTable)
    func table(_ example: RequestCase) {
        let outcome = parseRequest(example.text)
        #expect(outcome.rejection == example.rejection)
        #expect((outcome.accepted != nil) == (example.rejection == nil))
        if let accepted = outcome.accepted { #expect(accepted.length == example.text.utf8.count) }
    }

    @Test("a head that comes in two parts means the same as one that comes whole", arguments: requestTable)
    func splits(_ example: RequestCase) {
        let bytes = Array(example.text.utf8)
        let whole = parseRequest(bytes)
        // Long ones at some places, the others at every one.
        for split in stride(from: 0, through: bytes.count, by: max(1, bytes.count / 700)) {
            #expect(parseRequest(bytes, stops: [split, bytes.count]) == whole, "cut at \(split)")
        }
    }

    @Test("a head that comes byte by byte means the same", arguments: requestTable.filter { $0.text.utf8.count < 4000 })
    func byteByByte(_ example: RequestCase) {
        let bytes = Array(example.text.utf8)
        #expect(parseRequest(bytes, stops: Array(0...bytes.count)) == parseRequest(bytes))
    }

    @Test("limits give the same answer however a head is cut up")
    func limits() {
        let limits = HeadLimits(head: 60, startLine: 20, fields: 3)
        for target in 1...20 {
            for value in 0...45 {
                let text =
                    "GET /\(String(repeating: "a", count: target)) HTTP/1.1\r\nHost: \(String(repeating: "b", count: value))"
                for ending in ["\r\n\r\n", "\n\r\n", "\r\nA:\u{1}\r\n\r\n"] {
                    let bytes = Array((text + ending).utf8)
                    let whole = parseRequest(bytes, limits: limits)
                    #expect(parseRequest(bytes, stops: Array(0...bytes.count), limits: limits) == whole)
                }
            }
        }
    }

    @Test("a head one byte under the limit passes and one over it does not")
    func headLimit() {
        let text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        #expect(parseRequest(text, limits: HeadLimits(head: text.utf8.count)).accepted != nil)
        #expect(parseRequest(text, limits: HeadLimits(head: text.utf8.count - 1)).rejection == .headTooLarge)
    }

    @Test("pipelined requests are taken one after another with one parser and one head")
    func pipelining() {
        let first = "POST /a?q HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX: 1\r\n\r\n"
        let second = "GET /b HTTP/1.0\r\n\r\n"
        let bytes = Array((first + "abc" + second).utf8)
        var parser = RequestHeadParser()
        var head = RequestHead()
        bytes.withUnsafeBytes { raw in
            #expect(parser.parse(raw, into: &head) == .complete(headLength: first.utf8.count))
            #expect(head.body == .length(3))
            #expect(head.query.string(raw) == "q")
            let rest = UnsafeRawBufferPointer(rebasing: raw[(first.utf8.count + 3)...])
            #expect(parser.parse(rest, into: &head) == .complete(headLength: second.utf8.count))
            #expect(head.body == .none)
            #expect(!head.keepAlive)
            #expect(head.fields.isEmpty)
            #expect(!head.hasQuery)
            #expect(head.host.isEmpty)
        }
    }

    @Test("the authority of an absolute target goes before the Host field")
    func absoluteForm() throws {
        let parsed = try #require(
            parseRequest("GET http://right.example:81/p?q HTTP/1.1\r\nHost: wrong.example\r\n\r\n").accepted)
        #expect(parsed.host == "right.example:81")
        #expect(parsed.path == "/p")
        #expect(parsed.query == "q")
        #expect(parsed.form == .absolute)
    }

    @Test(
        "persistence follows version and Connection",
        arguments: [
            ("1.1", "", true), ("1.1", "Connection: close\r\n", false), ("1.1", "Connection: foo, CLOSE\r\n", false),
            ("1.0", "", false), ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: keep-alive, close\r\n", false), ("1.1", "Connection: closed\r\n", true),
            ("1.1", "Connection: a\r\nConnection: close\r\n", false),
        ])
    func persistence(version: String, fields: String, expected: Bool) throws {
        let parsed = try #require(parseRequest("GET / HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n").accepted)
        #expect(parsed.keepAlive == expected)
    }

    @Test("an upgrade needs the option, the field and HTTP/1.1")
    func upgrade() {
        func upgrade(_ version: String, _ fields: String) -> Bool? {
            parseRequest("GET / HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n").accepted?.upgrade
        }
        #expect(upgrade("1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n") == true)
        #expect(upgrade("1.1", "Upgrade: websocket\r\n") == false)
        #expect(upgrade("1.1", "Connection: upgrade\r\n") == false)
        #expect(upgrade("1.0", "Connection: upgrade\r\nUpgrade: websocket\r\n") == false)
    }

    @Test("every well-known field name is found in any case, and nothing near it")
    func fieldNames() throws {
        for name in FieldName.allCases where name != .other {
            for text in ["\(name.text)", "\(name.text)".uppercased()] {
                #expect(try knownField(of: text) == name, "\(text)")
            }
            let other = "\(name.text)".dropLast() + "~"
            #expect(try knownField(of: String(other)) == .other)
            #expect(try knownField(of: "\(name.text)x") == .other)
        }
        #expect(try knownField(of: "Content_Length") == .other)
    }

    /// Asked of the response parser, which wants no Host.
    private func knownField(of name: String) throws -> FieldName {
        let value = name.lowercased() == "transfer-encoding" ? "chunked" : "1"
        let (result, head) = parseResponse("HTTP/1.1 200 OK\r\n\(name): \(value)\r\n\r\n")
        #expect(result != .needMore)
        return try #require(head.fields.first).id
    }
}
