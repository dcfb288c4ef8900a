import HTTP1
import Model
import Testing

@testable import ResponseCache

@Suite struct CoalescingTests {
    private let cache = ResponseCache(limits: CacheLimits(memory: 1 << 20))
    private let fresh = ["Cache-Control: max-age=60"]

    private func wait(_ count: Int, _ fields: [String] = [], at seconds: Double = 0) throws -> [Waiter] {
        try (0..<count).map { _ in
            let waiter = Waiter()
            let answer = cache.lookUp(try cacheRequest("GET /", fields), at: seconds, waiter)
            #expect(answer.name == "wait")
            return waiter
        }
    }

    private func names(_ waiters: [Waiter]) -> [[String]] { waiters.map { $0.answers.map(\.name) } }

    @Test func `One request asks the app and all get its answer`() throws {
        let token = try #require(cache.lookUp(try cacheRequest(), at: 0).token)
        #expect(token.dropsConditions)
        let waiters = try wait(3) + wait(1, ["If-None-Match: \"a\""])
        #expect(cache.fill(token, fresh + ["ETag: \"a\""], at: 1))
        #expect(names(waiters) == [["hit"], ["hit"], ["hit"], ["304"]])
        #expect(cache.counters.hits == 4 && cache.counters.misses == 1 && cache.counters.waits == 4)
    }

    @Test func `An answer that cannot be stored lets all go at once, and nobody waits for the next ones`() throws {
        let token = try #require(cache.lookUp(try cacheRequest(), at: 0).token)
        let waiters = try wait(3)
        #expect(!cache.fill(token, ["Cache-Control: private"], at: 1))
        #expect(names(waiters) == [["pass"], ["pass"], ["pass"]])
        let solos = try (0..<2).map { _ in try #require(cache.lookUp(try cacheRequest(), at: 2).token) }
        #expect(solos.allSatisfy { !$0.dropsConditions })
        // One of them can be stored after all: the URL is as any other again.
        #expect(cache.fill(solos[0], fresh, at: 2))
        #expect(cache.lookUp(try cacheRequest(), at: 3).name == "hit")
        #expect(cache.fill(solos[1], fresh, at: 4))
        #expect(cache.lookUp(try cacheRequest(), at: 61).hit?.age == 59)
    }

    @Test func `The mark of a URL is forgotten after some seconds`() throws {
        let token = try #require(cache.lookUp(try cacheRequest(), at: 0).token)
        cache.fill(token, [], at: 0)
        #expect(cache.lookUp(try cacheRequest(), at: 4.9).token?.dropsConditions == false)
        #expect(cache.lookUp(try cacheRequest(), at: 5).token?.dropsConditions == true)
    }

    @Test func `A leader that vanishes is succeeded by the first that waits, twice at most`() throws {
        var token = try #require(cache.lookUp(try cacheRequest(), at: 0).token)
        let waiters = try wait(4)
        cache.abandon(token, now: instant(1))
        #expect(names(waiters) == [["lead"], [], [], []])
        token = try #require(waiters[0].answers[0].token)
        cache.abandon(token, now: instant(2))
        #expect(names(waiters) == [["lead"], ["lead"], ["pass"], ["pass"]])
        token = try #require(waiters[1].answers[0].token)
        #expect(cache.fill(token, fresh, at: 3))
        // What is spent does no harm.
        cache.abandon(token, now: instant(3))
        #expect(!cache.finish(token, now: instant(3)))
        #expect(cache.lookUp(try cacheRequest(), at: 4).name == "hit")
    }

    @Test func `A truncated answer is not stored`() throws {
        let token = try #require(cache.lookUp(try cacheRequest(), at: 0).token)
        let waiters = try wait(1)
        #expect(!cache.fill(token, fresh + ["Content-Length: 6"], at: 0))
        #expect(names(waiters) == [["lead"]])
        #expect(!cache.fill(try #require(waiters[0].answers[0].token), fresh + ["Content-Length: 4"], at: 0))
        #expect(cache.counters.refusals == [.truncated: 2])
    }

    @Test func `Who waits for what turns out to be for others gets a leader of its own kind`() throws {
        let token = try #require(cache.lookUp(try cacheRequest("GET /", ["Accept-Language: de"]), at: 0).token)
        let waiters = try ["de", "en", "en", "fr"].flatMap { try wait(1, ["Accept-Language: \($0)"]) }
        #expect(cache.fill(token, fresh + ["Vary: Accept-Language"], at: 1))
        #expect(names(waiters) == [["hit"], ["lead"], [], ["lead"]])
        #expect(
            cache.fill(try #require(waiters[1].answers[0].token), fresh + ["Vary: Accept-Language"], body: "en", at: 2))
        #expect(waiters[2].answers.first?.hit?.answer.body == Array("en".utf8))
        // The next ones are told apart from the start, and an answer without Vary does not undo that.
        cache.fill(try #require(waiters[3].answers[0].token), fresh, at: 2)
        #expect(cache.lookUp(try cacheRequest("GET /", ["Accept-Language: it"]), at: 3).name == "lead")
        #expect(cache.lookUp(try cacheRequest("GET /", ["Accept-Language: es"]), at: 3).name == "lead")
        #expect(cache.lookUp(try cacheRequest("GET /", ["Accept-Language: de"]), at: 3).name == "hit")
    }

    @Test func `Nobody waits longer than five seconds for a leader, and another one leads then`() throws {
        let token = try #require(cache.lookUp(try cacheRequest(), at: 0).token)
        let waiters = try wait(2, at: 4)
        cache.tick(now: instant(4.9))
        #expect(names(waiters) == [[], []])
        cache.tick(now: instant(5))
        #expect(names(waiters) == [["pass"], ["pass"]])
        #expect(cache.lookUp(try cacheRequest(), at: 5).name == "lead")
        #expect(cache.lookUp(try cacheRequest(), at: 5).name == "wait")
        #expect(cache.fill(token, fresh, at: 6))
        #expect(cache.lookUp(try cacheRequest(), at: 6).name == "hit")
    }

    @Test func `Only so many wait for one answer, HEAD does not wait, and a client may leave`() throws {
        _ = try #require(cache.lookUp(try cacheRequest(), at: 0).token)
        let gone = Waiter()
        let ticket = try #require(cache.lookUp(try cacheRequest(), at: 0, gone).ticket)
        _ = try wait(1023)
        #expect(cache.lookUp(try cacheRequest(), at: 0).name == "pass")
        #expect(cache.lookUp(try cacheRequest("HEAD /"), at: 0).name == "pass")
        #expect(cache.cancelWait(ticket))
        #expect(!cache.cancelWait(ticket))
        _ = try wait(1)
        cache.tick(now: instant(9))
        #expect(gone.answers.isEmpty)
    }

    @Test func `A change of the URI ends what is stored and what is under way, in every generation`() throws {
        let other = try cacheRequest(generation: GenerationNumber(2))
        let second = try #require(cache.lookUp(other, at: 0).token)
        #expect(cache.fill(second, fresh, at: 0, generation: GenerationNumber(2)))
        let token = try #require(cache.lookUp(try cacheRequest(), at: 0).token)
        let waiters = try wait(2)
        let resources = withRequest(requestText("POST /", [])) { request, bytes in
            withAnswer(answerText([], status: "303 See Other")) {
                Invalidation.targets(app: shop, request, bytes, $0, $1)
            }
        }
        for resource in resources { cache.invalidate(resource, now: instant(1)) }
        #expect(names(waiters) == [["lead"], []])
        #expect(!cache.fill(token, fresh, at: 1))
        #expect(cache.lookUp(other, at: 1).name == "lead")
        #expect(cache.fill(try #require(waiters[0].answers[0].token), fresh, at: 1))
        #expect(names(waiters) == [["lead"], ["hit"]])
    }

    @Test func `An answer of another generation than was asked for is not stored, nor one of a dropped generation`()
        throws
    {
        let token = try #require(cache.lookUp(try cacheRequest(), at: 0).token)
        let waiters = try wait(1)
        #expect(!cache.fill(token, fresh, at: 0, generation: GenerationNumber(2)))
        #expect(names(waiters) == [["pass"]])
        let next = try #require(cache.lookUp(try cacheRequest(), at: 1).token)
        let stays = try #require(cache.lookUp(try cacheRequest("GET /b", generation: GenerationNumber(2)), at: 1).token)
        cache.dropGeneration(firstGeneration, of: shop, now: instant(1))
        #expect(!cache.fill(next, fresh, at: 1))
        #expect(cache.fill(stays, fresh, at: 1, generation: GenerationNumber(2)))
        #expect(cache.counters.refusals == [.generation: 1, .invalidated: 1])
        cache.dropApp(shop, now: instant(2))
        #expect(cache.counters.bytes == 0 && cache.counters.entries == 0)
    }

    @Test(
        "what else a request invalidates",
        arguments: [
            ("/b", "/b"), ("http://EXAMPLE.com/b?c#d", "/b?c"), ("https://example.com", "/"), ("//example.com/b", "/b"),
            ("http://www.example.com/b", nil), ("b", nil), ("mailto:a@example.com", nil), ("//www.example.com/", nil),
            ("http://example.com?x", "/?x"), ("", nil), ("http://example.com:80/b", nil),
        ] as [(String, String?)])
    func invalidates(_ location: String, _ target: String?) {
        for name in ["Location", "Content-Location"] {
            let targets = withRequest(requestText("DELETE /a?x")) { request, bytes in
                withAnswer(answerText(["\(name): \(location)"], status: "201 Created")) {
                    Invalidation.targets(app: shop, request, bytes, $0, $1)
                }
            }
            let expected = ["/a?x"] + (target.map { [$0] } ?? [])
            #expect(targets.map(\.bytes) == expected.map { Array("shop\0example.com\0\($0)".utf8) })
        }
    }

    @Test(
        "what invalidates nothing",
        arguments: [("GET /", "200 OK"), ("OPTIONS /", "200 OK"), ("POST /", "400 No"), ("PUT /", "500 No")])
    func invalidatesNot(_ line: String, _ status: String) {
        let targets = withRequest(requestText(line)) { request, bytes in
            withAnswer(answerText([], status: status)) { Invalidation.targets(app: shop, request, bytes, $0, $1) }
        }
        #expect(targets.isEmpty)
    }
}
