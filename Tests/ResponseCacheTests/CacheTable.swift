import HTTP1
import Testing

@testable import ResponseCache

/// What the cache stores and serves: the specification. Times in seconds after the first request.
struct CacheCase: Sendable, CustomTestStringConvertible {
    let name: String
    var line = "GET /"
    var request: [String] = []
    var status = "200 OK"
    var answer: [String]
    /// The app takes so long for its head.
    var delay = 0.0
    var secondLine = "GET /"
    /// Nil: the same fields as the first.
    var second: [String]?
    var after = 1.0
    let expected: String

    var testDescription: String { name }
}

private let fresh = ["Cache-Control: max-age=60"]
private let tagged = ["Cache-Control: max-age=60", "ETag: \"a\"", "Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT"]
private func row(_ name: String, _ answer: [String], _ expected: String) -> CacheCase {
    CacheCase(name: name, answer: answer, expected: expected)
}

/// Answers: what is stored. `hit` or, when it is not stored, `lead` (`solo` when the URL is remembered as one that is not).
let storing: [CacheCase] =
    [
        row("max-age is stored", fresh, "hit"),
        row("s-maxage is stored", ["Cache-Control: s-maxage=60"], "hit"),
        row("Expires is stored", ["Expires: Sun, 06 Nov 1994 08:50:37 GMT"], "hit"),
        row("Expires in the old form is stored", ["Expires: Sunday, 06-Nov-94 08:50:37 GMT"], "hit"),
        row("Expires in C's form is stored", ["Expires: Sun Nov  6 08:50:37 1994"], "hit"),
        row("s-maxage goes before max-age", ["Cache-Control: max-age=0, s-maxage=60"], "hit"),
        row("s-maxage=0 goes before max-age", ["Cache-Control: max-age=60, s-maxage=0"], "solo"),
        row("max-age goes before Expires", ["Cache-Control: max-age=60", "Expires: 0"], "hit"),
        row("a quoted number is a number", ["Cache-Control: max-age=\"60\""], "hit"),
        row("names of directives have no case", ["cache-control: PUBLIC, Max-Age=60"], "hit"),
        row("Cache-Control on two lines is one list", ["Cache-Control: public", "Cache-Control: max-age=60"], "hit"),
        row(
            "unknown directives do not matter", ["Cache-Control: max-age=60, immutable, x=\"no-store, private\""], "hit"
        ),
        row(
            "must-revalidate is stored: nothing stale is served anyway", ["Cache-Control: max-age=60, must-revalidate"],
            "hit"),
        row("no lifetime is not guessed", [], "solo"),
        row("Last-Modified is no lifetime", ["Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT"], "solo"),
        row("public is no lifetime", ["Cache-Control: public"], "solo"),
        row("Expires: 0 is in the past", ["Expires: 0"], "solo"),
        row("Expires in the past is stale", ["Expires: Sun, 06 Nov 1994 08:49:36 GMT"], "solo"),
        row(
            "Expires counts from Date",
            ["Date: Sun, 06 Nov 1994 08:00:00 GMT", "Expires: Sun, 06 Nov 1994 08:00:10 GMT"], "solo"),
        row(
            "two Expires are none",
            ["Expires: Sun, 06 Nov 1994 08:50:37 GMT", "Expires: Sun, 06 Nov 1995 08:50:37 GMT"], "solo"),
        row("max-age=0 is stale", ["Cache-Control: max-age=0"], "solo"),
        row("a negative max-age is none", ["Cache-Control: max-age=-1"], "solo"),
        row("max-age without a number is none", ["Cache-Control: max-age"], "solo"),
        row("two different max-age are none", ["Cache-Control: max-age=60, max-age=61"], "solo"),
        row("the same max-age twice is one", ["Cache-Control: max-age=60, max-age=60"], "hit"),
        row("a max-age over 2^31 is as much", ["Cache-Control: max-age=99999999999999999999"], "hit"),
        row("no-store", ["Cache-Control: no-store, max-age=60"], "solo"),
        row(
            "no-store is for who does not know the status, with must-understand",
            ["Cache-Control: no-store, must-understand, max-age=60"], "hit"),
        row("private", ["Cache-Control: private, max-age=60"], "solo"),
        row("private with field names", ["Cache-Control: private=\"x-user\", max-age=60"], "solo"),
        row("no-cache", ["Cache-Control: no-cache, max-age=60"], "solo"),
        row("no-cache with field names", ["Cache-Control: no-cache=\"set-cookie\", max-age=60"], "solo"),
        row("Set-Cookie", fresh + ["Set-Cookie: a=b"], "solo"),
        row("X-Sendfile", fresh + ["X-Sendfile: /x"], "solo"),
        row("X-Accel-Redirect", fresh + ["X-Accel-Redirect: /x"], "solo"),
        row("Age counts", fresh + ["Age: 59"], "lead"),
        row("Age of its whole lifetime", fresh + ["Age: 60"], "solo"),
        row("an Age that is no number", fresh + ["Age: old"], "solo"),
        row("a Date in the past counts as age", fresh + ["Date: Sun, 06 Nov 1994 08:48:00 GMT"], "solo"),
        row("a Date in the future does not", fresh + ["Date: Sun, 06 Nov 1994 09:48:00 GMT"], "hit"),
        row("Vary: * ", fresh + ["Vary: *"], "solo"),
        row("Vary of four fields", fresh + ["Vary: a, b, c, d"], "hit"),
        row("Vary of five fields", fresh + ["Vary: a, b, c", "Vary: d, e"], "solo"),
        row(
            "Vary of what is in the key anyway",
            fresh + ["Vary: Host, X-Forwarded-Host, X-Forwarded-Proto, a, b, c, d"], "hit"),
        row("Vary of what the gateway writes itself", fresh + ["Vary: X-Forwarded-For"], "solo"),
        row("chunked is stored", fresh + ["Transfer-Encoding: chunked"], "hit"),
        row("an answer that ends with its connection", fresh + ["Content-Length: none"], "solo"),
        CacheCase(
            name: "the time that the app took is a part of the age", answer: fresh, delay: 59.5, after: 60.5,
            expected: "lead"),
    ]
    + [
        ("200 OK", "hit"), ("203 Non-Authoritative Information", "hit"), ("204 No Content", "hit"),
        ("300 Multiple Choices", "hit"),
        ("301 Moved Permanently", "hit"), ("308 Permanent Redirect", "hit"), ("404 Not Found", "hit"),
        ("405 No", "hit"),
        ("410 Gone", "hit"), ("414 URI Too Long", "hit"), ("501 Not Implemented", "hit"), ("201 Created", "solo"),
        ("206 Partial Content", "solo"), ("302 Found", "solo"), ("303 See Other", "solo"),
        ("307 Temporary Redirect", "solo"),
        ("304 Not Modified", "lead"), ("400 Bad Request", "solo"), ("401 Unauthorized", "solo"),
        ("403 Forbidden", "solo"),
        ("429 Too Many Requests", "solo"), ("500 Internal Server Error", "solo"), ("503 Service Unavailable", "solo"),
        ("599 Whatever", "solo"),
    ].map { CacheCase(name: "status \($0.0)", status: $0.0, answer: fresh, expected: $0.1) }

/// Second requests: what is served of an answer that was stored.
let serving: [CacheCase] = [
    CacheCase(name: "until its lifetime ends", answer: fresh, after: 59.9, expected: "hit"),
    CacheCase(name: "not a moment longer", answer: fresh, after: 60, expected: "lead"),
    CacheCase(name: "HEAD from the answer to a GET", answer: fresh, secondLine: "HEAD /", expected: "hit"),
    CacheCase(name: "another path", answer: fresh, secondLine: "GET /a", expected: "lead"),
    CacheCase(name: "another query", answer: fresh, secondLine: "GET /?", expected: "lead"),
    CacheCase(
        name: "the absolute form of the target", answer: fresh, secondLine: "GET http://example.com/", expected: "hit"),
    CacheCase(name: "a host in other case", answer: fresh, second: ["Host: EXAMPLE.com"], expected: "hit"),
    CacheCase(name: "another host", answer: fresh, second: ["Host: www.example.com"], expected: "lead"),
    CacheCase(
        name: "max-age that the answer is within", answer: fresh, second: ["Cache-Control: max-age=1"], expected: "hit"),
    CacheCase(
        name: "max-age that it is over", answer: fresh, second: ["Cache-Control: max-age=1"], after: 2, expected: "lead"
    ),
    CacheCase(name: "min-fresh that it has", answer: fresh, second: ["Cache-Control: min-fresh=59"], expected: "hit"),
    CacheCase(
        name: "min-fresh that it has not", answer: fresh, second: ["Cache-Control: min-fresh=60"], expected: "lead"),
    CacheCase(
        name: "max-stale gets nothing stale", answer: fresh, second: ["Cache-Control: max-stale"], after: 61,
        expected: "lead"),
    CacheCase(
        name: "only-if-cached, cached", answer: fresh, second: ["Cache-Control: only-if-cached"], expected: "hit"),
    CacheCase(
        name: "only-if-cached, not cached", answer: fresh, second: ["Cache-Control: only-if-cached"], after: 61,
        expected: "504"),
    CacheCase(
        name: "If-None-Match with its tag", answer: tagged, second: ["If-None-Match: \"b\", W/\"a\""], expected: "304"),
    CacheCase(name: "If-None-Match: *", answer: tagged, second: ["If-None-Match: *"], expected: "304"),
    CacheCase(
        name: "If-None-Match with another tag", answer: tagged,
        second: ["If-None-Match: \"b\"", "If-Modified-Since: Sun, 06 Nov 1994 08:00:00 GMT"], expected: "hit"),
    CacheCase(
        name: "If-None-Match on two lines", answer: tagged, second: ["If-None-Match: \"b\"", "If-None-Match: \"a\""],
        expected: "304"),
    CacheCase(
        name: "If-Modified-Since of its date", answer: tagged,
        second: ["If-Modified-Since: Sun, 06 Nov 1994 08:00:00 GMT"], expected: "304"),
    CacheCase(
        name: "If-Modified-Since of an older date", answer: tagged,
        second: ["If-Modified-Since: Sun, 06 Nov 1994 07:59:59 GMT"], expected: "hit"),
    CacheCase(
        name: "If-Modified-Since that is no date", answer: tagged, second: ["If-Modified-Since: yesterday"],
        expected: "hit"),
    CacheCase(
        name: "If-None-Match of a 404", status: "404 Not Found", answer: tagged, second: ["If-None-Match: \"a\""],
        expected: "hit"),
    CacheCase(
        name: "the same value of a field of Vary", request: ["Accept-Language: de"],
        answer: fresh + ["Vary: accept-language"], expected: "hit"),
    CacheCase(
        name: "another value of a field of Vary", request: ["Accept-Language: de"],
        answer: fresh + ["Vary: accept-language"], second: ["Accept-Language: en"], expected: "lead"),
    CacheCase(
        name: "no value of a field of Vary", request: ["X: "], answer: fresh + ["Vary: x"], second: [], expected: "lead"
    ),
    CacheCase(
        name: "a value in two lines is not one in one", request: ["X: a", "X: b"], answer: fresh + ["Vary: x"],
        second: ["X: ab"], expected: "lead"),
    CacheCase(
        name: "a value is not part of another field's", request: ["X: a"], answer: fresh + ["Vary: x, y"],
        second: ["Y: a"], expected: "lead"),
    CacheCase(name: "a cookie of no importance", answer: fresh, second: ["Cookie: a=b"], expected: "hit"),
]

/// Requests that pass the cache by.
let passing: [(name: String, line: String, fields: [String], reason: CacheBypass)] = [
    ("POST", "POST /", ["Content-Length: 0"], .method), ("PUT", "PUT /", [], .method),
    ("OPTIONS", "OPTIONS /", [], .method),
    ("PURGE", "PURGE /", [], .method), ("GET with a body", "GET /", ["Content-Length: 1"], .body),
    ("GET with a chunked body", "GET /", ["Transfer-Encoding: chunked"], .body),
    ("a WebSocket", "GET /", ["Connection: upgrade", "Upgrade: websocket"], .upgrade),
    ("Authorization", "GET /", ["Authorization: Basic eA=="], .authorization),
    ("Range", "GET /", ["Range: bytes=0-"], .range),
    ("If-Range", "GET /", ["If-Range: \"a\""], .range), ("If-Match", "GET /", ["If-Match: \"a\""], .precondition),
    ("If-Unmodified-Since", "GET /", ["If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT"], .precondition),
    ("no-store", "GET /", ["Cache-Control: no-store"], .noStore),
    ("no-cache", "GET /", ["Cache-Control: no-cache"], .reload),
    ("max-age=0", "GET /", ["Cache-Control: max-age=0"], .reload), ("Pragma", "GET /", ["Pragma: no-cache"], .reload),
    ("a max-age that is no number", "GET /", ["Cache-Control: max-age=a"], .malformed),
    ("a long target", "GET /" + String(repeating: "a", count: 4096), [], .tooLong),
    ("a long head", "GET /", ["X: " + String(repeating: "a", count: 16 << 10)], .tooLong),
    ("a method in a field", "GET /", ["X-HTTP-Method-Override: DELETE"], .override),
    ("a target in a field", "GET /", ["X-Original-URL: /admin"], .override),
    ("another", "GET /", ["x-rewrite-url: /admin"], .override),
]
