import HTTP1
import Model
import Synchronization
import Testing

@testable import Gateway

@Suite struct RepeatLimitTests {
    private final class Told: Sendable {
        let events = Mutex<[GatewayEvent]>([])
        var count: Int { events.withLock { $0.count } }
        func take() -> [GatewayEvent] {
            events.withLock { events in
                defer { events = [] }; return events
            }
        }
    }

    private func queueFull(_ app: AppName, _ number: Int) -> GatewayEvent {
        .answered(.queueFull(status: 503), id: "\(number)", app: app, request: nil)
    }

    @Test func `Of a flood the first of each kind are told, and how many more there were`() throws {
        let told = Told()
        let events = LoopEvents { event in told.events.withLock { $0.append(event) } }
        let (blog, shop) = (try #require(AppName("blog")), try #require(AppName("shop")))
        for number in 0..<5_000 {
            events.log(queueFull(blog, number))
            if number < 25 { events.log(queueFull(shop, number)) }
            if number == 4_999 { events.log(.tooManyConnections(limit: 10)) }
        }
        #expect(told.take().count == 2 * RepeatLimit.burst + 1)
        for _ in 1..<LoopEvents.windowSeconds { events.sweep() }
        #expect(told.take().isEmpty)
        events.sweep()
        let ended = told.take().compactMap { event -> String? in
            guard case .repeated(let kind, let more, let seconds) = event else { return nil }
            return "\(kind.app.map { "\($0)" } ?? "-") \(more) \(seconds)"
        }
        #expect(ended == ["blog 4980 10", "shop 5 10"])
        // The next window tells again.
        events.log(queueFull(blog, 1))
        #expect(told.take().count == 1)
        for _ in 0..<LoopEvents.windowSeconds { events.sweep() }
        #expect(told.take().isEmpty)
    }

    @Test func `Many kinds cost no more than so much memory and so many lines`() {
        var limit = RepeatLimit()
        var told = 0
        for number in 0..<10_000 where limit.mayTell(GatewayEventKind(words: "kind \(number)", app: nil)) { told += 1 }
        #expect(told == RepeatLimit.maxKinds + RepeatLimit.burst)
        #expect(limit.endWindow().map(\.more) == [10_000 - RepeatLimit.maxKinds - RepeatLimit.burst])
        #expect(limit.endWindow().isEmpty)
    }
}
