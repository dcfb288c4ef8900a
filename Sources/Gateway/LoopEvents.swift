/// What one loop has to tell: a flood of bad requests must not be one of lines.
final class LoopEvents {
    static let windowSeconds = 10
    private let report: @Sendable (GatewayEvent) -> Void
    private var limit = RepeatLimit()
    private var seconds = 0

    init(report: @escaping @Sendable (GatewayEvent) -> Void) { self.report = report }

    func log(_ event: GatewayEvent) {
        if limit.mayTell(event.kind) { report(event) }
    }

    /// Once a second.
    func sweep() {
        seconds += 1
        guard seconds >= Self.windowSeconds else { return }
        seconds = 0
        for (kind, more) in limit.endWindow() { report(.repeated(kind, more: more, seconds: Self.windowSeconds)) }
    }
}
