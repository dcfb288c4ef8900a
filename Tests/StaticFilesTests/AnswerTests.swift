import HTTP1
import Model
import Testing

@testable import StaticFiles

@Suite("What a file is answered with")
struct AnswerTests {
    private let tree: TemporaryTree
    private let site: TestSite
    private let file: StaticFile
    /// 1994-11-06 is before every honest file: this is Sun, 06 Nov 2016 08:49:37 GMT.
    private static let time = 1_478_422_177
    private static let date = "Sun, 06 Nov 2016 08:49:37 GMT"

    init() throws {
        tree = try TemporaryTree()
        try tree.file("app/public/a.txt", "0123456789", modified: AnswerTests.time)
        site = TestSite(tree)
        file = try #require(site.file("/a.txt"))
    }

    private var etag: String { String(decoding: file.plain.etag, as: UTF8.self) }

    @Test("GET has all fields, and HEAD the same ones without a body")
    func whole() throws {
        let get = try ask(file)
        #expect(
            get.head == """
                HTTP/1.1 200 OK\r
                Content-Type: text/plain; charset=utf-8\r
                Accept-Ranges: bytes\r
                ETag: "581eeea1-0-a"\r
                Last-Modified: \(AnswerTests.date)\r
                Content-Length: 10\r\n
                """)
        #expect(get.body == "0123456789")
        let head = try ask(file, method: "HEAD")
        #expect(head.head == get.head && head.body == nil)
        let ranged = try ask(file, ["Range: bytes=0-1"], method: "HEAD")
        #expect(ranged == head, "Range is for GET")
    }

    @Test("an empty file is 200 with length 0, whatever range is asked for")
    func empty() throws {
        try tree.file("app/public/empty.txt", "")
        site.wait()
        let empty = try #require(site.file("/empty.txt"))
        for lines in [[], ["Range: bytes=-5"], ["Range: bytes=0-"]] {
            let answer = try ask(empty, lines)
            #expect(answer.status == 200 && answer.field("Content-Length") == "0" && answer.body == nil)
        }
    }

    struct Condition: Sendable, CustomTestStringConvertible {
        var lines: [String]
        var status: Int
        init(_ status: Int, _ lines: String...) {
            self.status = status
            self.lines = lines
        }
        var testDescription: String { "\(status): \(lines.joined(separator: "; "))" }
    }

    /// E, W and O stand for the file's ETag, the same as a weak one, and another one; D, B and A for its date, and dates
    /// before and after.
    private static let conditions: [Condition] = [
        Condition(304, "If-None-Match: E"), Condition(304, "If-None-Match: W"), Condition(304, "If-None-Match: *"),
        Condition(200, "If-None-Match: O"), Condition(304, "If-None-Match: O, E"),
        Condition(304, "If-None-Match: O,,W ,O"),
        Condition(304, "If-None-Match: O", "If-None-Match: E"), Condition(200, "If-None-Match: 581eeea1-0-a"),
        Condition(200, "If-None-Match:"), Condition(200, "If-None-Match: \"581eeea1"),
        Condition(304, "If-None-Match: \"a,b\", E"), Condition(200, "If-None-Match: \"a, E"),
        Condition(304, "If-Modified-Since: D"), Condition(304, "If-Modified-Since: A"),
        Condition(200, "If-Modified-Since: B"), Condition(200, "If-Modified-Since: yesterday"),
        Condition(304, "If-Modified-Since: Sunday, 06-Nov-16 08:49:37 GMT"),
        Condition(304, "If-Modified-Since: Sun Nov  6 08:49:37 2016"),
        Condition(200, "If-Modified-Since: Sun Nov  6 08:49:36 2016"),
        Condition(200, "If-Modified-Since: D; length=10"),
        Condition(200, "If-Modified-Since: D", "If-Modified-Since: D"),
        Condition(200, "If-None-Match: O", "If-Modified-Since: D"),
        Condition(304, "If-None-Match: E", "If-Modified-Since: B"),
        Condition(200, "If-Match: E"), Condition(412, "If-Match: W"), Condition(200, "If-Match: *"),
        Condition(412, "If-Match: O"), Condition(200, "If-Match: O, E"), Condition(412, "If-Match:"),
        Condition(200, "If-Unmodified-Since: D"), Condition(200, "If-Unmodified-Since: A"),
        Condition(412, "If-Unmodified-Since: B"), Condition(200, "If-Unmodified-Since: never"),
        Condition(200, "If-Match: E", "If-Unmodified-Since: B"), Condition(412, "If-Match: O", "If-None-Match: E"),
        Condition(304, "If-Match: E", "If-None-Match: E"),
        Condition(304, "If-Unmodified-Since: D", "If-Modified-Since: D"),
        Condition(304, "If-None-Match: E", "Range: bytes=0-1"), Condition(412, "If-Match: O", "Range: bytes=0-1"),
        Condition(206, "If-Match: E", "Range: bytes=0-1"), Condition(206, "If-None-Match: O", "Range: bytes=0-1"),
        Condition(206, "If-Range: E", "Range: bytes=0-1"), Condition(200, "If-Range: W", "Range: bytes=0-1"),
        Condition(200, "If-Range: O", "Range: bytes=0-1"), Condition(206, "If-Range: D", "Range: bytes=0-1"),
        Condition(200, "If-Range: A", "Range: bytes=0-1"), Condition(200, "If-Range: B", "Range: bytes=0-1"),
        Condition(200, "If-Range: E", "If-Range: E", "Range: bytes=0-1"), Condition(200, "If-Range: E"),
        Condition(200, "If-Range: O", "Range: bytes=50-"), Condition(416, "If-Range: E", "Range: bytes=50-"),
    ]

    @Test("conditions are judged in the order of RFC 9110 section 13.2.2", arguments: AnswerTests.conditions)
    func conditional(condition: Condition) throws {
        let values = [
            "E": etag, "W": "W/" + etag, "O": "\"other\"", "D": AnswerTests.date,
            "B": "Sun, 06 Nov 2016 08:49:36 GMT", "A": "Mon, 07 Nov 2016 00:00:00 GMT",
        ]
        let lines = condition.lines.map { line in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            let value = line[colon...].dropFirst().split(separator: " ", omittingEmptySubsequences: false).map { word in
                word.split(separator: ",", omittingEmptySubsequences: false).map { part in
                    part.hasSuffix(";")
                        ? (values[String(part.dropLast())] ?? String(part)) + ";" : values[String(part)] ?? String(part)
                }.joined(separator: ",")
            }
            return line[..<colon] + ":" + value.joined(separator: " ")
        }.map { String($0) }
        let answer = try ask(file, lines)
        #expect(answer.status == condition.status, "\(lines)")
        #expect((answer.body == nil) == ![200, 206].contains(answer.status))
        if answer.status == 304 {
            #expect(answer.field("ETag") == etag && answer.field("Last-Modified") == AnswerTests.date)
            #expect(answer.field("Content-Length") == nil && answer.field("Content-Type") == nil)
        }
        if answer.status == 412 { #expect(answer.field("Content-Length") == "0") }
        let head = try ask(file, lines, method: "HEAD")
        #expect(head.body == nil && (head.status == answer.status || [206, 416].contains(answer.status)))
    }

    @Test(
        "one range",
        arguments: [
            ("bytes=0-0", 0..<1), ("bytes=0-9", 0..<10), ("bytes=0-", 0..<10), ("bytes=5-", 5..<10),
            ("bytes=-1", 9..<10),
            ("bytes=-10", 0..<10), ("bytes=-100", 0..<10), ("bytes=3-5", 3..<6), ("bytes=9-100", 9..<10),
            ("bytes=2-99999999999999999999999999", 2..<10), ("BYTES=1-2", 1..<3), ("bytes= 1-2 ", 1..<3),
            ("bytes=,1-2,,", 1..<3), ("bytes=1-2, 50-60", 1..<3), ("bytes=-99999999999999999999999", 0..<10),
            // No range.
            ("bytes=10-", nil), ("bytes=10-20", nil), ("bytes=-0", nil), ("bytes=99999999999999999999-", nil),
            ("bytes=50-60,70-", nil),
        ] as [(String, Range<Int>?)])
    func singleRange(value: String, range: Range<Int>?) throws {
        let answer = try ask(file, ["Range: " + value])
        guard let range else {
            #expect(answer.status == 416)
            #expect(answer.field("Content-Range") == "bytes */10" && answer.field("Content-Length") == "0")
            #expect(answer.body == nil && answer.field("Cache-Control") == nil)
            return
        }
        #expect(answer.status == 206)
        #expect(answer.field("Content-Range") == "bytes \(range.lowerBound)-\(range.upperBound - 1)/10")
        #expect(answer.field("Content-Length") == "\(range.count)")
        #expect(answer.field("ETag") == etag && answer.field("Content-Type") == "text/plain; charset=utf-8")
        #expect(answer.body == String(Array("0123456789")[range]))
    }

    @Test(
        "what is malformed, of another unit, too much or too often is answered in full",
        arguments: [
            "bytes", "bytes=", "bytes=,", "bytes=a-b", "bytes=1", "bytes=5-3", "bytes=--1", "bytes=1-2-3", "bytes=-",
            "bytes=1.0-2",
            "bytes=0-1,x", "items=0-1", "bytes:0-1", "bytes =0-1", "bytes=+1-2", "bytes=1 - 2", "bytes=0x1-2",
            "byte=0-1",
            "bytes=0-,0-", "bytes=0-9,5-6", "bytes=0-5,3-9", "bytes=-10,-1",
            "bytes=" + (0..<17).map { _ in "0-0" }.joined(separator: ","),
            "bytes=" + (0..<500).map { "\($0)-" }.joined(separator: ","),
        ])
    func ignoredRange(value: String) throws {
        let answer = try ask(file, ["Range: " + value])
        #expect(answer.status == 200 && answer.body == "0123456789")
        #expect(try ask(file, ["Range: bytes=0-0", "Range: bytes=1-1"]).status == 200, "two of them mean nothing")
    }

    @Test("several ranges are parts, in the order of the request")
    func multipart() throws {
        let answer = try ask(file, ["Range: bytes=7-8,0-1,-1"], boundary: 42)
        #expect(answer.status == 206 && answer.field("Content-Range") == nil)
        #expect(answer.field("Content-Type") == "multipart/byteranges; boundary=part00000000000000000042")
        let part = "\r\n--part00000000000000000042\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes "
        #expect(
            answer.body == part.dropFirst() + "7-8/10\r\n\r\n78" + part + "0-1/10\r\n\r\n01" + part
                + "9-9/10\r\n\r\n9\r\n--part00000000000000000042--\r\n")
        #expect(try answer.field("Content-Length") == "\(#require(answer.body).utf8.count)")
        #expect(try ask(file, ["Range: bytes=0-0,2-2"], boundary: .max).head.contains("part18446744073709551615"))
    }

    @Test("a file of an impossible time has no date, and its ETag changes with every change of the file")
    func impossibleTimes() throws {
        for modified in [0, 1, 499_162_500, 4_000_000_000] {
            try tree.file("app/public/t\(modified).txt", "a", modified: modified)
            site.wait()
            let first = try #require(site.file("/t\(modified).txt"))
            #expect(try ask(first).field("Last-Modified") == nil)
            #expect(try ask(first, ["If-Modified-Since: Sun, 06 Nov 2050 08:49:37 GMT"]).status == 200)
            guard modified < 4_000_000_000 else { continue }
            try tree.file("app/public/t\(modified).txt", "b", modified: modified)
            site.wait()
            let second = try #require(site.file("/t\(modified).txt"))
            #expect(first.plain.etag != second.plain.etag)
        }
    }
}

@Suite("Files that were compressed beforehand")
struct VariantTests {
    private let tree: TemporaryTree
    private let site: TestSite

    init() throws {
        tree = try TemporaryTree()
        try tree.file("app/public/app.js", "plain")
        try tree.file("app/public/app.js.br", "brotli")
        try tree.file("app/public/app.js.gz", "gzip")
        try tree.file("app/public/zip.css", "plain")
        try tree.file("app/public/zip.css.gz", "gzip")
        try tree.file("app/public/photo.png", "plain")
        try tree.file("app/public/photo.png.gz", "gzip")
        try tree.file("app/public/only.js.gz", "gzip")
        site = TestSite(tree)
    }

    @Test(
        "the client's weights choose, and of equals the smallest",
        arguments: [
            (nil, "plain", "plain"), ("gzip, deflate, br, zstd", "brotli", "gzip"), ("gzip", "gzip", "gzip"),
            ("br", "brotli", "plain"), ("x-gzip", "gzip", "gzip"), ("GZIP", "gzip", "gzip"),
            ("identity", "plain", "plain"),
            ("", "plain", "plain"), ("*", "brotli", "gzip"), ("*;q=0", "plain", "plain"),
            ("br;q=0, gzip", "gzip", "gzip"),
            ("br;q=0.5, gzip;q=0.8", "gzip", "gzip"), ("br;q=0.800, gzip;q=0.8", "brotli", "gzip"),
            ("br;q=0, *", "gzip", "gzip"), ("gzip;q=0, *;q=0.1", "brotli", "plain"), ("br;q=0.001", "brotli", "plain"),
            ("br ; q=1.0", "brotli", "plain"), ("br;q=2", "plain", "plain"), ("br;x=1", "plain", "plain"),
            ("br;q=", "plain", "plain"),
            ("br;q=0.0", "plain", "plain"), ("brotli", "plain", "plain"), ("deflate", "plain", "plain"),
            (",,gzip,", "gzip", "gzip"),
        ] as [(String?, String, String)])
    func negotiation(value: String?, both: String, gzipOnly: String) throws {
        let lines = value.map { ["Accept-Encoding: " + $0] } ?? []
        for (path, expected) in [("/app.js", both), ("/zip.css", gzipOnly)] {
            let answer = try ask(try #require(site.file(path)), lines)
            #expect(answer.body == expected)
            #expect(answer.field("Vary") == "Accept-Encoding")
            #expect(answer.field("Content-Encoding") == ["brotli": "br", "gzip": "gzip"][expected])
            #expect(answer.field("Content-Type")?.hasPrefix("text/") == true)
        }
    }

    @Test("each has its own ETag, its own length and its own ranges, and a 304 varies too")
    func distinct() throws {
        let file = try #require(site.file("/app.js"))
        let answers = try ["br", "gzip", "identity"].map { try ask(file, ["Accept-Encoding: " + $0]) }
        let tags = answers.compactMap { $0.field("ETag") }
        #expect(Set(tags).count == 3)
        let unchanged = try ask(file, ["Accept-Encoding: br", "If-None-Match: " + tags[0]])
        #expect(unchanged.status == 304 && unchanged.field("Vary") == "Accept-Encoding")
        #expect(try ask(file, ["Accept-Encoding: gzip", "If-None-Match: " + tags[0]]).status == 200)
        let range = try ask(file, ["Accept-Encoding: br", "Range: bytes=1-2"])
        #expect(range.body == "ro" && range.field("Content-Encoding") == "br")
        #expect(range.field("Content-Range") == "bytes 1-2/6")
    }

    @Test("what is compressed by nature is not looked at, nor a compressed file without the other")
    func others() throws {
        let photo = try ask(try #require(site.file("/photo.png")), ["Accept-Encoding: gzip"])
        #expect(photo.body == "plain" && photo.field("Vary") == nil && photo.field("Content-Encoding") == nil)
        #expect(site.find("/only.js").name == "none")
        let itself = try ask(try #require(site.file("/app.js.gz")), ["Accept-Encoding: gzip"])
        #expect(itself.field("Content-Type") == "application/gzip" && itself.field("Content-Encoding") == nil)
    }

    @Test("a compressed file that leads out of the app is left out")
    func linkedOut() throws {
        try tree.file("outside/a.br", "outside")
        try tree.file("app/public/b.js", "plain")
        try tree.link("app/public/b.js.br", to: "../../outside/a.br")
        let answer = try ask(try #require(site.file("/b.js")), ["Accept-Encoding: br"])
        #expect(answer.body == "plain" && answer.field("Vary") == nil)
    }
}
