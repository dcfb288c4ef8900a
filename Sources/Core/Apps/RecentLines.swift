import Model
import Spawning

/// The last lines that an app's workers wrote, for whoever has to say why a version did badly. Errors are kept apart, so that
/// chatter does not push them out.
struct RecentLines {
    private static let most = 200
    private static let shown = 50
    private static let longest = 1000

    private struct Line {
        var worker: WorkerNumber
        var text: String
    }

    private var errors: [Line] = []
    private var others: [Line] = []

    mutating func note(_ source: OutputSource, _ stream: StandardStream, _ text: String) {
        guard case .worker(let worker, _) = source else { return }
        let line = Line(worker: worker, text: String(text.prefix(RecentLines.longest)))
        if stream == .stderr { RecentLines.append(line, to: &errors) } else { RecentLines.append(line, to: &others) }
    }

    func of(_ workers: Set<WorkerNumber>) -> [String] {
        let written = errors.filter { workers.contains($0.worker) }
        let told = written.isEmpty ? others.filter { workers.contains($0.worker) } : written
        return told.suffix(RecentLines.shown).map(\.text)
    }

    private static func append(_ line: Line, to lines: inout [Line]) {
        lines.append(line)
        if lines.count >= most * 2 { lines.removeFirst(lines.count - most) }
    }
}
