import HTTP1
import Model
import Testing

@testable import ResponseCache

@Suite struct MemoryTests {
    private let fresh = ["Cache-Control: max-age=60"]

    @Test func `An answer over the limit of one entry is not stored, whether it says its length or not`() throws {
        let cache = ResponseCache(limits: CacheLimits(memory: 1 << 20))
        #expect(cache.limits.entry == 64 << 10)
        for (path, extra) in [("/a", []), ("/b", ["Transfer-Encoding: chunked"])] {
            let token = try #require(cache.lookUp(try cacheRequest("GET \(path)"), at: 0).token)
            #expect(!cache.fill(token, fresh + extra, body: String(repeating: "x", count: 64 << 10), at: 0))
            let next = try #require(cache.lookUp(try cacheRequest("GET \(path)"), at: 0).token)
            #expect(cache.fill(next, fresh + extra, body: String(repeating: "x", count: 63 << 10), at: 0))
        }
        #expect(cache.counters.refusals == [.tooLarge: 2])
    }

    @Test func `A body in many parts is stored as a whole`() throws {
        let cache = ResponseCache(limits: CacheLimits(memory: 1 << 20))
        let token = try #require(cache.lookUp(try cacheRequest(), at: 0).token)
        let head = answerText(fresh + ["Transfer-Encoding: chunked"])
        #expect(
            withAnswer(head) {
                cache.begin(token, answeredBy: firstGeneration, $0, $1, now: instant(0), wallClock: wallClock)
            })
        let parts = (0..<3000).map { Array("\($0),".utf8) }
        for part in parts { #expect(part.withUnsafeBytes { cache.append(token, $0, now: instant(0)) }) }
        #expect(cache.finish(token, now: instant(0)))
        #expect(cache.lookUp(try cacheRequest(), at: 1).hit?.answer.body == Array(parts.joined()))
    }

    @Test func `What was not used for longest makes room`() throws {
        let cache = ResponseCache(limits: CacheLimits(memory: 64 << 10))
        var stored = 0
        while cache.counters.evictions == 0 {
            let token = try #require(cache.lookUp(try cacheRequest("GET /\(stored)"), at: 0).token)
            #expect(cache.fill(token, fresh, body: String(repeating: "x", count: 3000), at: 0))
            stored += 1
            #expect(cache.lookUp(try cacheRequest("GET /0"), at: 0).name == "hit")
        }
        #expect(stored > 5 && cache.counters.entries == stored - cache.counters.evictions)
        #expect(cache.counters.bytes <= cache.limits.memory)
    }

    @Test func `The order of use is kept through insertions, touches and removals`() {
        var list = RecencyList<Int>()
        let places = (0..<4).map { list.insert($0) }
        list.touch(places[0])
        #expect(list.places.map { list[$0] } == [0, 3, 2, 1])
        #expect(list.remove(places[1]) == 1 && list.remove(places[1]) == nil)
        #expect(list.last == places[2])
        #expect(list.insert(5) == places[1])
        list.touch(places[2])
        #expect(list.places.map { list[$0] } == [2, 5, 0, 3])
        for place in list.places { _ = list.remove(place) }
        #expect(list.count == 0 && list.last == nil && list[0] == nil && list[9] == nil)
    }

    @Test func `A cache without memory sends everybody to the app`() throws {
        let cache = ResponseCache(limits: CacheLimits(memory: 0))
        #expect(cache.lookUp(try cacheRequest(), at: 0).name == "pass")
    }

    @Test func `Stale entries are swept`() throws {
        let cache = ResponseCache(limits: CacheLimits(memory: 1 << 20))
        for path in 0..<10 {
            cache.fill(try #require(cache.lookUp(try cacheRequest("GET /\(path)"), at: 0).token), fresh, at: 0)
        }
        cache.tick(now: instant(59))
        #expect(cache.counters.entries == 10)
        cache.tick(now: instant(60))
        #expect(cache.counters.entries == 0 && cache.counters.bytes == 0)
    }
}
