/// The streams of one event loop. Making one costs 58 µs, mostly page faults, and making an old one new 1 µs: a few are kept.
package final class GzipStreams {
    private static let longestIdle = 4
    private let budget: GzipBudget
    private var idle: [GzipStream] = []

    /// The budget is that of all loops. What is kept counts in it.
    package init(budget: GzipBudget) { self.budget = budget }

    /// Nil when there are as many streams as there may be: the answer goes out as it is (`.leave(.busy)`).
    package func take(isPadded: Bool) -> GzipStream? {
        var random = SystemRandomNumberGenerator()
        return take(padding: isPadded ? .random(in: 1...GzipStream.longestPadding, using: &random) : 0)
    }

    func take(padding: Int) -> GzipStream? {
        guard let stream = idle.popLast() ?? GzipStream(budget: budget) else { return nil }
        return stream.start(padding: padding) ? stream : nil
    }

    /// In whatever state it is; the caller must not keep it.
    package func giveBack(_ stream: GzipStream) {
        if idle.count < Self.longestIdle { idle.append(stream) }
    }
}
