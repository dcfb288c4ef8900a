import HTTP1
import Model
import Testing

@testable import ResponseCache

@Suite struct CacheTableTests {
    @Test("what is stored", arguments: storing) func storesOrNot(_ row: CacheCase) throws { try check(row) }
    @Test("what is served of it", arguments: serving) func servesOrNot(_ row: CacheCase) throws { try check(row) }

    private func check(_ row: CacheCase) throws {
        let cache = ResponseCache(limits: CacheLimits(memory: 1 << 20))
        let token = try #require(cache.lookUp(try cacheRequest(row.line, row.request), at: 0).token)
        cache.fill(
            token, row.answer, status: row.status, body: row.status.hasPrefix("204") ? "" : "hello", at: row.delay)
        let answer = cache.lookUp(try cacheRequest(row.secondLine, row.second ?? row.request), at: row.after)
        let isSolo = answer.token.map { !$0.dropsConditions } ?? false
        #expect((isSolo ? "solo" : answer.name) == row.expected)
        #expect(cache.counters.bytes <= cache.limits.memory)
    }

    @Test("what passes the cache by", arguments: passing)
    func passes(_ row: (name: String, line: String, fields: [String], reason: CacheBypass)) {
        #expect(throws: row.reason, "\(row.name)") { try cacheRequest(row.line, row.fields) }
    }

    @Test func `Pragma does not count beside Cache-Control`() throws {
        _ = try cacheRequest("GET /", ["Pragma: no-cache", "Cache-Control: max-age=9"])
    }

    @Test func `A request without a host has no place in the cache`() {
        #expect(throws: CacheBypass.target) {
            try withRequest("GET / HTTP/1.0\r\n\r\n") { head, bytes in
                try CacheRequest(
                    head, bytes, app: shop, generation: firstGeneration, isSecure: false, trustsForwarding: false,
                    settings: CacheSettings())
            }
        }
    }

    @Test func `Apps, generations, schemes, cookies and what a proxy says are told apart`() throws {
        let cache = ResponseCache(limits: CacheLimits(memory: 1 << 20))
        let blog = try #require(AppName("blog"))
        let requests = [
            try cacheRequest(), try cacheRequest(app: blog), try cacheRequest(generation: GenerationNumber(2)),
            try cacheRequest(isSecure: true), try cacheRequest("GET /", ["Cookie: a=b; lang=de"], cookie: "lang"),
            try cacheRequest("GET /", ["Cookie: lang=en"], cookie: "lang"),
            try cacheRequest("GET /", ["Cookie: lang="], cookie: "lang"),
            try cacheRequest("GET /", ["X-Forwarded-Host: a.example.com"], trustsForwarding: true),
            try cacheRequest("GET /", ["X-Forwarded-Proto: https"], trustsForwarding: true),
        ]
        for (index, request) in requests.enumerated() {
            let token = try #require(cache.lookUp(request, at: 0).token, "\(index)")
            #expect(
                cache.fill(
                    token, ["Cache-Control: max-age=60"], body: "\(index)", at: 0, generation: request.key.generation))
        }
        for (index, request) in requests.enumerated() {
            #expect(cache.lookUp(request, at: 1).hit?.answer.body == Array("\(index)".utf8))
        }
        // What is not trusted does not reach the app.
        #expect(
            cache.lookUp(try cacheRequest("GET /", ["X-Forwarded-Host: evil.example.com"]), at: 1).hit?.answer.body == [
                48
            ])
        #expect(throws: CacheBypass.repeatedCookie) {
            try cacheRequest("GET /", ["Cookie: lang=a", "Cookie: lang=b"], cookie: "lang")
        }
        #expect(throws: CacheBypass.forwarded) {
            try cacheRequest("GET /", ["Forwarded: host=a.example.com"], trustsForwarding: true)
        }
    }

    @Test func `What a client gets is the app's head with Age, and nothing of the app's connection`() throws {
        let cache = ResponseCache(limits: CacheLimits(memory: 1 << 20))
        let token = try #require(cache.lookUp(try cacheRequest(), at: 0).token)
        let fields = [
            "Cache-Control: max-age=60", "ETag: \"a\"", "Connection: close, X-Hop", "X-Hop: 1", "Age: 3", "X-App: yes",
            "Transfer-Encoding: chunked",
        ]
        #expect(cache.fill(token, fields, at: 0))
        let kept = "Cache-Control: max-age=60\r\nETag: \"a\"\r\n"
        let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        let whole = "HTTP/1.1 200 OK\r\n\(kept)X-App: yes\r\n\(date)Content-Length: 5\r\nAge: 5\r\n\r\n"
        #expect(cache.lookUp(try cacheRequest(), at: 2.5).hit?.text == whole + "hello")
        #expect(cache.lookUp(try cacheRequest("HEAD /"), at: 2.5).hit?.text == whole)
        let notModified = try cacheRequest("GET /", ["If-None-Match: \"a\""])
        #expect(cache.lookUp(notModified, at: 2.5).hit?.text == "HTTP/1.1 304 \r\n\(kept)\(date)Age: 5\r\n\r\n")
    }
}
