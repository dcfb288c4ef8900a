import AccessLog
import Foundation
import Model
import Testing

@Suite struct LineTests {
    private func fill(_ record: inout AccessRecord) {
        record.status = 200
        record.bodyBytes = 5120
        record.arrived = 1_795_627_484_123_456
        record.duration = 12_345_678
        record.queueTime = 1_000_000
        record.workerTime = 2_000_000_000
        record.app = AppName("shop")
        record.generation = GenerationNumber(3)
        record.worker = WorkerNumber(17)
    }

    private let texts: [WritableKeyPath<AccessRecord, UnsafeRawBufferPointer>: [UInt8]] = [
        \.peer: Array("192.0.2.7".utf8), \.method: Array("GET".utf8), \.target: Array("/a?b=c".utf8),
        \.host: Array("example.com".utf8), \.referer: Array("https://example.com/x".utf8),
        \.userAgent: Array("curl/8".utf8), \.requestID: Array("00ff".utf8),
    ]

    @Test("the text form is the combined one")
    func text() {
        #expect(
            line(.text, texts, fill)
                == """
                192.0.2.7 - - [25/Nov/2026:17:24:44 +0000] "GET /a?b=c HTTP/1.1" 200 5120 "https://example.com/x" "curl/8"

                """)
        #expect(line(.text, [:]) == "- - - [01/Jan/1970:00:00:00 +0000] \"-\" 499 0 \"-\" \"-\"\n")
        #expect(line(.off, texts, fill) == "")
    }

    @Test("the JSON form is one object a line")
    func json() {
        #expect(
            line(.json, texts, fill)
                == """
                {"time":"2026-11-25T17:24:44.123Z","peer":"192.0.2.7","method":"GET","host":"example.com",\
                "target":"/a?b=c","protocol":"HTTP/1.1","status":200,"bytes":5120,"referer":"https://example.com/x",\
                "user_agent":"curl/8","request_id":"00ff","duration":0.012345,"queue_time":0.001000,\
                "worker_time":2.000000,"app":"shop","generation":3,"worker":17,"source":"worker"}

                """)
        #expect(
            line(
                .json, [:],
                {
                    $0.version = .http2; $0.source = .cache
                })
                    == """
                    {"time":"1970-01-01T00:00:00.000Z","protocol":"HTTP/2.0","status":0,"bytes":0,"duration":0.000000,\
                    "source":"cache"}

                    """)
    }

    @Test(
        "nothing that a client sends ends a quoted text or a line",
        arguments: [
            ("a\nb", "a\\x0Ab"), ("a\r\n1.2.3.4 - -", "a\\x0D\\x0A1.2.3.4 - -"), ("\"", "\\x22"), ("\\", "\\x5C"),
            ("\u{1b}[31m", "\\x1B[31m"), ("\0", "\\x00"), ("\u{7f}", "\\x7F"), ("é", "\\xC3\\xA9"), ("\t", "\\x09"),
            ("~ ", "~ "),
        ])
    func injection(_ text: String, _ escaped: String) {
        let bytes = Array(text.utf8)
        let all = line(.text, [\.peer: bytes, \.method: bytes, \.target: bytes, \.referer: bytes, \.userAgent: bytes])
        let time = "[01/Jan/1970:00:00:00 +0000]"
        let request = "\(escaped) \(escaped) HTTP/1.1"
        #expect(all == "\(escaped) - - \(time) \"\(request)\" 499 0 \"\(escaped)\" \"\(escaped)\"\n")
    }

    @Test("random bytes give one line each, and in JSON an object that says the same to a parser")
    func random() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = Seeded(state: seed)
        let starts: [[UInt8]] = [
            [0xe2, 0x82, 0xac], [0xf0, 0x9f, 0x98, 0x80], [0xc2, 0x80], [0xed, 0xa0, 0x80], [0x22], [0x5c],
        ]
        for _ in 0..<3000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                if Bool.random(using: &random) {
                    bytes.append(UInt8.random(in: 0...255, using: &random))
                } else {
                    bytes += starts[Int.random(in: 0..<starts.count, using: &random)]
                }
            }
            let text = line(.text, [\.userAgent: bytes])
            #expect(text.utf8.count { $0 == 10 } == 1 && text.utf8.allSatisfy { $0 == 10 || (32...126).contains($0) })
            let json = line(.json, [\.userAgent: bytes])
            #expect(json.utf8.count { $0 == 10 } == 1 && json.utf8.last == 10)
            #expect(json.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 32 && !(127..<160).contains($0.value) })
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any], "seed \(seed)")
            #expect(object["user_agent"] as? String == expected(bytes), "seed \(seed)")
        }
    }

    /// One U+FFFD for each byte that is not part of a character.
    private func expected(_ bytes: [UInt8]) -> String {
        var text = ""
        var at = 0
        while at < bytes.count {
            let length = (1...4).first {
                at + $0 <= bytes.count && String(validating: bytes[at..<(at + $0)], as: UTF8.self) != nil
            }
            text += length.map { String(decoding: bytes[at..<(at + $0)], as: UTF8.self) } ?? "\u{fffd}"
            at += length ?? 1
        }
        return text
    }

    @Test("a long text is cut")
    func long() {
        let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 5000)
        for format in [AccessLogFormat.text, .json] {
            let text = line(format, [\.userAgent: bytes])
            #expect(text.contains(String(repeating: "a", count: 4096) + "...\""))
            #expect(text.utf8.count < 4400)
        }
    }

    @Test(
        "secrets in queries are not written",
        arguments: [
            ("/a?token=x", "/a?token=[redacted]"), ("/a?b=1&access_token=x&c=2", "/a?b=1&access_token=[redacted]&c=2"),
            ("/?Password=x;y=1", "/?Password=[redacted];y=1"), ("/?user[password]=x", "/?user[password]=[redacted]"),
            ("/?user%5Bpassword%5D=x&z", "/?user%5Bpassword%5D=[redacted]&z"), ("/?code=x#y", "/?code=[redacted]#y"),
            ("/?user%5bkey%5d=a=b", "/?user%5bkey%5d=[redacted]"), ("/?api_key=x", "/?api_key=[redacted]"),
            ("/?X-Amz-Signature=x", "/?X-Amz-Signature=[redacted]"), ("/?a?token=x", "/?a?token=[redacted]"),
            ("/?reset_password_token=x&token=y", "/?reset_password_token=[redacted]&token=[redacted]"),
            // Nothing to hide.
            ("/token=x", "/token=x"), ("/?token", "/?token"), ("/?token=", "/?token="), ("/?zipcode=1", "/?zipcode=1"),
            ("/?monkey=1", "/?monkey=1"), ("/?tokens=1", "/?tokens=1"), ("/?q=token", "/?q=token"), ("/?", "/?"),
            ("*", "*"),
            ("/?&&=&", "/?&&=&"), ("/?a=1&b=2", "/?a=1&b=2"), ("/x?u=https://a:b@c", "/x?u=https://a:b@c"),
            ("https://u:p@example.com/?code=1", "https://[redacted]@example.com/?code=[redacted]"),
            ("https://example.com/@x", "https://example.com/@x"),
        ])
    func secrets(_ url: String, _ expected: String) {
        let text = line(.text, [\.method: Array("GET".utf8), \.target: Array(url.utf8), \.referer: Array(url.utf8)])
        #expect(text.contains("\"GET \(expected) HTTP/1.1\"") && text.contains("\"\(expected)\" \"-\""), "\(text)")
        #expect(line(.json, [\.target: Array(url.utf8)]).contains("\"target\":\"\(expected)\""))
    }

    @Test(
        "times are right over leap years and before 1970",
        arguments: [
            (951_782_399, "28/Feb/2000:23:59:59"), (951_782_400, "29/Feb/2000:00:00:00"),
            (4_107_542_400, "01/Mar/2100:00:00:00"),
            (1_735_689_599, "31/Dec/2024:23:59:59"), (-1, "31/Dec/1969:23:59:59"),
            (1_709_164_800, "29/Feb/2024:00:00:00"),
        ] as [(Int64, String)])
    func times(_ second: Int64, _ expected: String) {
        let text = line(.text, [:], { $0.arrived = second * 1_000_000 })
        #expect(text.contains("[\(expected) +0000]"), "\(text)")
    }
}

private struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}
