import Synchronization
import Testing

@testable import Core

@Suite struct SharedTests {
    @Test func `a closure that is read a million times is called as it was given`() {
        let count = Mutex(0)
        let shared = Shared<@Sendable (@escaping @Sendable () -> Void) -> Void>({ _ in })
        shared.replace { $0() }
        // Each reading that wrapped it once more would make the call before the last one deeper than any stack.
        for _ in 0..<1_000_000 { shared.value { count.withLock { $0 += 1 } } }
        #expect(count.withLock { $0 } == 1_000_000)
    }
}
