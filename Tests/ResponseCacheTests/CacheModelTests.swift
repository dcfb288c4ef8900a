import HTTP1
import Model
import Testing

@testable import ResponseCache

/// Random events against the machine; what it says is compared with what the app would have said.
@Suite struct CacheModelTests {
    @Test("whatever happens", arguments: 0..<16)
    func model(_ seed: Int) throws {
        var model = Model(seed: UInt64(seed))
        for step in 0..<1500 {
            try model.step()
            model.check("seed \(seed), step \(step)")
        }
        model.end()
        model.check("seed \(seed), at the end")
        #expect(model.everyWaiterWasTold, "seed \(seed)")
        #expect(model.cache.counters.hits > 0 && model.cache.counters.stores > 0 && model.cache.counters.waits > 0)
    }
}

private struct Model {
    /// Which app's, host's, generation's and language's answer a body is, and which version of the page.
    struct Page: Hashable {
        var app: AppName, host: Int, generation: UInt32, path: Int, language: String
        var body: String { "\(app) \(host) \(generation) \(path) \(language)" }
    }
    final class Client {
        let waiter = Waiter()
        let page: Page
        var ticket: WaitTicket?
        var cancelled = false
        var handled = false
        init(_ page: Page) { self.page = page }
    }

    let cache = ResponseCache(limits: CacheLimits(memory: 40 << 10))
    var random: Generator
    var now = 0.0
    var clients: [Client] = []
    var leaders: [(token: FillToken, page: Page)] = []
    /// Paths that vary by language, from the start.
    let varying: Set<Int> = [1, 3]
    var versions: [Int: Int] = [:]
    var dropped: UInt32 = 0
    var wrong: [String] = []

    init(seed: UInt64) { random = Generator(state: seed &* 2_654_435_769 &+ 1) }

    mutating func step() throws {
        now += Double.random(in: 0...0.1, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<55: try ask()
        case 55..<80: answer()
        case 80..<86: takeLeader().map { cache.abandon($0.token, now: instant(now)) }
        case 86..<90: cancel()
        case 90..<95: cache.tick(now: instant(now))
        case 95..<99: change()
        default: drop()
        }
        handleTold()
    }

    private mutating func ask() throws {
        let page = Page(
            app: ["shop", "blog"].randomElement(using: &random).flatMap(AppName.init) ?? shop,
            host: Int.random(in: 0...1, using: &random), generation: dropped + UInt32.random(in: 1...2, using: &random),
            path: Int.random(in: 0..<5, using: &random), language: ["de", "en"].randomElement(using: &random) ?? "de")
        let client = Client(page)
        let request = try cacheRequest(
            "GET /\(page.path)", ["Host: host\(page.host).example.com", "Accept-Language: \(page.language)"],
            app: page.app,
            generation: GenerationNumber(page.generation))
        let answer = cache.lookUp(request, waiter: client.waiter, now: instant(now))
        if let ticket = answer.ticket {
            client.ticket = ticket
            clients.append(client)
        } else {
            take(answer, page)
        }
    }

    private mutating func take(_ answer: CacheAnswer, _ page: Page) {
        switch answer {
        case .lead(let token): leaders.append((token, page))
        case .hit(let hit):
            let expected = page.body
            let body = String(decoding: hit.answer.body, as: UTF8.self)
            let told = body.split(separator: "|").map(String.init)
            var served = page
            if !varying.contains(page.path) {
                served.language = told[0].split(separator: " ").last.map(String.init) ?? ""
            }
            if told[0] != served.body { wrong.append("\(expected) got \(body)") }
            if told[1] != "\(versions[page.path, default: 0])" {
                wrong.append("\(expected) got an old version: \(body)")
            }
            if hit.age > 3 { wrong.append("\(expected) got stale: \(hit.age)") }
        case .pass: break
        case .wait, .notCached: wrong.append("told to \(answer.name)")
        }
    }

    private mutating func takeLeader() -> (token: FillToken, page: Page)? {
        guard let index = leaders.indices.randomElement(using: &random) else { return nil }
        return leaders.remove(at: index)
    }

    /// The app answers at once, with the version of the page that there is now.
    private mutating func answer() {
        guard let (token, page) = takeLeader() else { return }
        let filler = String(repeating: "x", count: [0, 0, 500, 1200, 3000].randomElement(using: &random) ?? 0)
        let body = page.body + "|\(versions[page.path, default: 0])|" + filler
        var fields =
            [["Cache-Control: max-age=4"], ["Cache-Control: max-age=4"], ["Cache-Control: no-store"], []]
            .randomElement(using: &random) ?? []
        if varying.contains(page.path) { fields.append("Vary: Accept-Language") }
        if Bool.random(using: &random) { fields.append("Transfer-Encoding: chunked") }
        if Int.random(in: 0..<8, using: &random) == 0 { fields.append("Content-Length: 1") }
        if fields.filter({ $0.hasPrefix("T") || $0.hasPrefix("Content-L") }).count == 2 { fields.removeLast() }
        let other = Int.random(in: 0..<10, using: &random) == 0
        cache.fill(
            token, fields, body: body, at: now, generation: GenerationNumber(other ? 999 : page.generation))
    }

    private mutating func cancel() {
        guard let client = clients.filter({ !$0.handled && !$0.cancelled }).randomElement(using: &random) else {
            return
        }
        if let ticket = client.ticket, cache.cancelWait(ticket) { client.cancelled = true }
    }

    /// Every app and host shows the same pages; a change of one is made known for all.
    private mutating func change() {
        let path = Int.random(in: 0..<5, using: &random)
        versions[path, default: 0] += 1
        for app in ["shop", "blog"].compactMap(AppName.init) {
            for host in 0...1 {
                let name = Array("host\(host).example.com".utf8)
                name.withUnsafeBytes {
                    cache.invalidate(ResourceKey(app: app, host: $0, target: Array("/\(path)".utf8)), now: instant(now))
                }
            }
        }
    }

    private mutating func drop() {
        dropped += 1
        for app in ["shop", "blog"].compactMap(AppName.init) {
            cache.dropGeneration(GenerationNumber(dropped), of: app, now: instant(now))
        }
    }

    private mutating func handleTold() {
        for client in clients where !client.handled {
            guard let answer = client.waiter.answers.first else { continue }
            client.handled = true
            take(answer, client.page)
        }
    }

    func check(_ place: String) {
        #expect(wrong.isEmpty, "\(place)")
        #expect((0...cache.limits.memory).contains(cache.counters.bytes), "\(place)")
        for client in clients {
            let count = client.waiter.answers.count
            if count > 1 || client.cancelled && count > 0 { Issue.record("\(place): a waiter was told \(count) times") }
        }
    }

    mutating func end() {
        while !leaders.isEmpty {
            answer()
            handleTold()
        }
        cache.tick(now: instant(now + 10))
        handleTold()
        while let leader = takeLeader() { cache.abandon(leader.token, now: instant(now + 10)) }
        for app in ["shop", "blog"].compactMap(AppName.init) { cache.dropApp(app, now: instant(now)) }
        #expect(cache.counters.bytes == 0 && cache.counters.entries == 0)
    }

    var everyWaiterWasTold: Bool { clients.allSatisfy { $0.cancelled || $0.waiter.answers.count == 1 } }
}

struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
