import AdminAPI

/// What a deploy's page shows of its events: the steps' names and what they wrote, the last of it.
struct DeployLog {
    static let mostLines = 2000

    private(set) var lines: [String] = []

    mutating func add(_ event: OperationEvent) {
        switch event {
        case .stepStarted(let step, let title): lines.append("== \(title ?? step)")
        case .output(_, let line): lines.append(line)
        case .notice(_, let text): lines.append(text)
        default: return
        }
        if lines.count > 2 * Self.mostLines { lines.removeFirst(Self.mostLines) }
    }
}

extension DeployDetail {
    /// Its events can be followed, and the last has not come.
    var isRunning: Bool { operation != nil && result == nil }
}
