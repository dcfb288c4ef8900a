import AdminAPI
import AdminClient
import Glibc
import Linux
import Model
import Terminal

/// Shows lines as they come. A server whose core is replaced is followed further: its next core has lines of its own.
struct LogScreen {
    let context: CommandContext
    let app: AppTarget
    /// How long a core may take that takes the place of another.
    private static let patience = Duration.seconds(15)

    func show(_ query: LogQuery) throws(ControlError) {
        var query = query
        var last: WallTime?
        while true {
            let began = try follow(query, after: &last)
            guard query.follows else { return }
            // All that the next one has, but for what was shown.
            query.lines = LogQuery.mostLines
            try wait(began)
        }
    }

    private func follow(_ query: LogQuery, after last: inout WallTime?) throws(ControlError) -> Instant {
        let shown = last
        var blocks = LogBlocks()
        var stream = try app.client.logs(app.app, query)
        while true {
            // What is there already comes in one go: a pause means that a block is over.
            let step: EventStream<LogEvent>.Step
            do throws(ControlError) {
                step = try stream.next(timeout: blocks.isEmpty ? nil : LogBlocks.patience, interrupt: nil)
            } catch {
                // A core that dies takes its connections with it.
                guard query.follows, error.code == .failed else { throw error }
                step = .ended
            }
            switch step {
            case .event(let event):
                guard case .line(let line) = event else {
                    tell(blocks.flush())
                    tell(event)
                    continue
                }
                if let shown, line.time <= shown { continue }
                last = line.time
                if context.global.json { tell(event) } else { tell(blocks.feed(line)) }
            case .timedOut, .interrupted: tell(blocks.flush())
            case .ended:
                tell(blocks.flush())
                return monotonicNow()
            }
        }
    }

    /// Until the server answers again.
    private func wait(_ since: Instant) throws(ControlError) {
        while true {
            usleep(200_000)
            do throws(ControlError) {
                _ = try app.client.apps()
                return
            } catch {
                guard monotonicNow() - since < Self.patience else { throw error }
            }
        }
    }

    private func tell(_ event: LogEvent) {
        if context.global.json { return (try? context.console.json(event, pretty: false)) ?? () }
        if case .skipped(let lines) = event {
            context.console.error(
                "\(HumanFormat.count(lines, "line")) came faster than they were read, and are not shown")
        }
    }

    private func tell(_ lines: [LogLine]) {
        guard !lines.isEmpty else { return }
        context.console.write(lines.map { text($0) + "\n" }.joined())
    }

    private func text(_ line: LogLine) -> String {
        let traits = context.console.output
        let isError = line.stream == "stderr"
        // A person knows which day it is; a file is read on another.
        let time = traits.isLive ? LocalTime(line.time).description : line.time.description
        let mark = StyledText(isError ? "!" : "|", isError ? .bad : .faint)
        let head = Style.faint.applied(to: "\(time) \(line.source)", traits)
        return "\(head) \(mark.style.applied(to: mark.text, traits)) \(line.text.showable)"
    }
}

/// `18:04:05.123` where the command runs.
struct LocalTime: CustomStringConvertible {
    let description: String

    init(_ time: WallTime) {
        var seconds = time_t(time.millisecondsSince1970 / 1000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let rest = "\(time.millisecondsSince1970 % 1000)"
        let milliseconds = String(repeating: "0", count: 3 - rest.count) + rest
        description = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(milliseconds)"
    }
}
