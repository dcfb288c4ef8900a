/// What one loop has to tell: so much in a second, the rest is only counted. A flood of bad requests must not be one of lines.
final class LoopEvents {
    static let limit = 50
    private let report: @Sendable (GatewayEvent) -> Void
    private var count = 0

    init(report: @escaping @Sendable (GatewayEvent) -> Void) { self.report = report }

    func log(_ event: GatewayEvent) {
        count += 1
        if count <= Self.limit { report(event) }
    }

    /// Once a second.
    func sweep() {
        if count > Self.limit { report(.suppressed(count - Self.limit)) }
        count = 0
    }
}
