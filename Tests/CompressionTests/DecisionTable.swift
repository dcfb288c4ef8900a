import Compression
import Testing

/// One row of the specification: a request's fields beside Host, an answer's, and what becomes of it.
struct DecisionCase: Sendable, CustomTestStringConvertible {
    let name: String
    var line = "GET / HTTP/1.1"
    var request = ["Accept-Encoding: gzip, deflate, br"]
    var status = "200 OK"
    var answer = ["Content-Type: text/html"]
    var length: Int? = 4096
    var isSecure = true
    let expected: CompressionDecision

    var testDescription: String { name }
}

private let plain = CompressionDecision.compress(isPadded: false)
private let padded = CompressionDecision.compress(isPadded: true)

private func accepting(_ value: String?, _ expected: CompressionDecision) -> DecisionCase {
    DecisionCase(
        name: "Accept-Encoding: \(value ?? "(none)")", request: value.map { ["Accept-Encoding: \($0)"] } ?? [],
        expected: expected)
}

let acceptCases: [DecisionCase] = [
    accepting("gzip", plain), accepting("GZIP", plain), accepting("x-gzip", plain), accepting("*", plain),
    accepting("gzip;q=0.001", plain), accepting("gzip ; q=1.000", plain), accepting("br, gzip;q=0.5", plain),
    accepting("identity;q=0.5, gzip", plain), accepting("gzip;q=0.5, identity;q=0.5", plain),
    accepting("*;q=0, gzip", plain), accepting("identity;q=0, *", plain), accepting("gzip;Q=1", plain),
    accepting(nil, .leave(.notAccepted)), accepting("", .leave(.notAccepted)), accepting("br", .leave(.notAccepted)),
    accepting("identity", .leave(.notAccepted)), accepting("gzip;q=0", .leave(.notAccepted)),
    accepting("gzip;q=0.000", .leave(.notAccepted)), accepting("gzip;q=0, *", .leave(.notAccepted)),
    accepting("*;q=0", .leave(.notAccepted)), accepting("gzip;q=0.5, identity", .leave(.notAccepted)),
    accepting("gzip;q=1.5", .leave(.notAccepted)), accepting("gzip;q=", .leave(.notAccepted)),
    accepting("gzip;q=-1", .leave(.notAccepted)), accepting("gzip;q=0.1234", .leave(.notAccepted)),
    accepting("gzip;x=1", .leave(.notAccepted)), accepting("gzipped", .leave(.notAccepted)),
    accepting("\"gzip\"", .leave(.notAccepted)),
]

let typeCases: [DecisionCase] =
    [
        "text/html", "text/html; charset=utf-8", "TEXT/CSS", "text/plain", "application/json", "application/javascript",
        "application/ld+json", "application/manifest+json", "application/rss+xml", "image/svg+xml", "application/wasm",
        "application/xml", "font/ttf", "image/x-icon",
    ].map { DecisionCase(name: $0, answer: ["Content-Type: \($0)"], expected: plain) }
    + [
        "text/event-stream", "text/event-stream;charset=utf-8", "image/png", "video/mp4", "application/zip",
        "font/woff2",
        "application/octet-stream", "application/pdf", "multipart/form-data", "text", "text/", "", "application/+json",
        "application/jsonp",
    ].map { DecisionCase(name: "type '\($0)'", answer: ["Content-Type: \($0)"], expected: .leave(.type)) }

private let html = ["Content-Type: text/html"]
let answerCases: [DecisionCase] = [
    DecisionCase(name: "no type", answer: [], expected: .leave(.type)),
    DecisionCase(name: "1023 bytes", length: 1023, expected: .leave(.small)),
    DecisionCase(name: "1024 bytes", length: 1024, expected: plain),
    DecisionCase(name: "unknown length", answer: html + ["Transfer-Encoding: chunked"], length: nil, expected: plain),
    DecisionCase(name: "until the connection ends", length: nil, expected: plain),
    DecisionCase(name: "HEAD", line: "HEAD / HTTP/1.1", expected: plain),
    DecisionCase(name: "HEAD of 100 bytes", line: "HEAD / HTTP/1.1", length: 100, expected: .leave(.small)),
    DecisionCase(name: "POST", line: "POST / HTTP/1.1", expected: plain),
    DecisionCase(name: "HTTP/1.0", line: "GET / HTTP/1.0", expected: .leave(.oldClient)),
    DecisionCase(name: "404", status: "404 Not Found", expected: plain),
    DecisionCase(name: "500", status: "500 No", expected: plain),
    DecisionCase(name: "103", status: "103 Early Hints", length: nil, expected: .leave(.status)),
    DecisionCase(name: "204", status: "204 No Content", length: nil, expected: .leave(.status)),
    DecisionCase(name: "205", status: "205 Reset Content", expected: .leave(.status)),
    DecisionCase(name: "206", status: "206 Partial Content", expected: .leave(.status)),
    DecisionCase(name: "304", status: "304 Not Modified", expected: .leave(.status)),
    DecisionCase(name: "encoded already", answer: html + ["Content-Encoding: br"], expected: .leave(.encoded)),
    DecisionCase(name: "a range", answer: html + ["Content-Range: bytes 0-1/2"], expected: .leave(.encoded)),
    DecisionCase(
        name: "no-transform", answer: html + ["Cache-Control: max-age=9, No-Transform"], expected: .leave(.noTransform)),
    DecisionCase(
        name: "no-transform of the client", request: ["Accept-Encoding: gzip", "Cache-Control: no-transform"],
        expected: .leave(.noTransform)),
    DecisionCase(name: "a digest", answer: html + ["Repr-Digest: sha-256=:AA==:"], expected: .leave(.digest)),
    DecisionCase(name: "an old digest", answer: html + ["Content-MD5: AA=="], expected: .leave(.digest)),
]

private func secret(_ name: String, _ fields: [String], isSecure: Bool = true, _ expected: CompressionDecision)
    -> DecisionCase
{
    DecisionCase(
        name: name, request: ["Accept-Encoding: gzip", "Cookie: session=1"] + fields, isSecure: isSecure,
        expected: expected)
}

let breachCases: [DecisionCase] = [
    DecisionCase(
        name: "nobody's, from anywhere", request: ["Accept-Encoding: gzip", "Sec-Fetch-Site: cross-site"],
        expected: plain),
    DecisionCase(
        name: "Authorization counts as a cookie", request: ["Accept-Encoding: gzip", "Authorization: Basic eA=="],
        expected: .leave(.breach)),
    secret("from the site itself", ["Sec-Fetch-Site: same-origin"], padded),
    secret("typed in", ["Sec-Fetch-Site: none"], padded),
    secret("from a neighbour", ["Sec-Fetch-Site: same-site"], .leave(.breach)),
    secret("from elsewhere", ["Sec-Fetch-Site: cross-site"], .leave(.breach)),
    secret(
        "from elsewhere, with a Referer of ours", ["Sec-Fetch-Site: cross-site", "Referer: https://example.com/"],
        .leave(.breach)),
    secret("a value of the future", ["Sec-Fetch-Site: nearby"], .leave(.breach)),
    secret("two values", ["Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site"], .leave(.breach)),
    secret("nothing known", [], .leave(.breach)),
    secret("Referer of ours", ["Referer: https://example.com/page?x"], padded),
    secret("Referer of ours without a path", ["Referer: https://EXAMPLE.com"], padded),
    secret("Referer with the scheme's port", ["Referer: https://example.com:443/"], padded),
    secret("Referer of another port", ["Referer: https://example.com:8443/"], .leave(.breach)),
    secret("Referer of another scheme", ["Referer: http://example.com/"], .leave(.breach)),
    secret("Referer of another site", ["Referer: https://evil.example/https://example.com/"], .leave(.breach)),
    secret("Referer whose host begins as ours", ["Referer: https://example.com.evil.example/"], .leave(.breach)),
    secret("Referer with ours as its user", ["Referer: https://example.com@evil.example/"], .leave(.breach)),
    secret("http, Referer of ours", ["Referer: http://example.com:80/"], isSecure: false, padded),
    secret(
        "Origin goes before Referer", ["Origin: https://evil.example", "Referer: https://example.com/"], .leave(.breach)
    ),
    secret("Origin of ours", ["Origin: https://example.com"], padded),
    secret("Origin null", ["Origin: null"], .leave(.breach)),
]
