import AdminAPI
import AdminClient
import ArgumentParser
import Glibc
import Linux
import Model
import Terminal

struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Show what happens now, refreshed every second.",
        discussion: """
            Of each app and generation: requests and errors per second, and how long requests took, over the last five \
            seconds; requests that wait; busy workers; CPU time and memory. In a pipe, or with --json, it prints one sample.
            """)

    /// Looked at twice, so far apart, where there is only one sample.
    private static let sampleTime: Duration = .seconds(1)
    private static let patience: Duration = .seconds(5)

    @OptionGroup var target: TargetOptions
    @OptionGroup var global: GlobalOptions

    func run() throws {
        let context = CommandContext(global)
        let instance = try context.target(target, acceptsOnlyInstance: true).instance
        let client = AdminClient(socketPath: instance.adminSocket, timeout: Self.patience)
        var history = TopHistory()
        history.add(try client.metrics(of: target.app))
        let isScreen = !global.json && context.console.output.isLive
        if isScreen, try show(client, instance, &history, context.console.output) { return }
        usleep(useconds_t(Self.sampleTime.inMilliseconds * 1000))
        history.add(try client.metrics(of: target.app))
        guard let report = history.current else {
            throw ControlError(.failed, "The server has another core than a moment ago.", hint: "Try again.")
        }
        guard !global.json else { return try context.console.json(report) }
        context.console.lines(TopScreen.plain(report, title: title(instance, report)))
    }

    /// False when this is no terminal to draw on.
    private func show(
        _ client: AdminClient, _ instance: InstanceRecord, _ history: inout TopHistory, _ traits: TerminalTraits
    ) throws -> Bool {
        // Before the screen is taken, or one of them could leave it so.
        guard let signals = try? SignalDescriptor([SIGINT, SIGTERM, SIGHUP, SIGWINCH]) else {
            throw ControlError(.internalError, "Signals cannot be received: \(SystemError.describe(errno)).")
        }
        guard var screen = FullScreen.take() else { return false }
        var note: String?
        var offset = 0
        var next = monotonicNow() + Self.sampleTime
        while screen.isOpen {
            let view = TopScreen(traits: traits, size: screen.size, offset: offset)
            let report = history.current
            screen.draw(view.lines(report, title: title(instance, report), note: note))
            wait(until: next, signals.number)
            while let (signal, _) = try? signals.next() { if signal != SIGWINCH { return true } }
            guard let keys = screen.keys() else { return true }
            switch TopKey(keys) {
            case .end: return true
            case .up: offset = max(0, offset - 1)
            case .down: offset = min(offset + 1, view.lastOffset(report))
            case nil: break
            }
            guard monotonicNow() >= next else { continue }
            do throws(ControlError) {
                history.add(try client.metrics(of: target.app))
                note = nil
            } catch {
                // It may come back: another core, another start.
                note = error.message
            }
            next = monotonicNow() + Self.sampleTime
        }
        return true
    }

    private func wait(until time: Instant, _ signals: Int32) {
        let left = max(0, (time - monotonicNow()).inMilliseconds.rounded(.up))
        var polled = [
            pollfd(fd: 0, events: Int16(POLLIN), revents: 0), pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
        ]
        poll(&polled, 2, Int32(left))
    }

    private func title(_ instance: InstanceRecord, _ report: TopReport?) -> String {
        let time = report.map { " at \($0.at.description.dropFirst(11).prefix(8)) UTC" } ?? ""
        return "passenger \(instance.version), \(instance.name)\(time)"
    }
}

/// What a key asks for.
enum TopKey: Equatable {
    case end, up, down

    /// Of what was typed at once, the end counts most, then the last.
    init?(_ bytes: [UInt8]) {
        if bytes.contains(where: { $0 == UInt8(ascii: "q") || $0 == UInt8(ascii: "Q") || $0 == 3 || $0 == 4 }) {
            self = .end
        } else if bytes.last == UInt8(ascii: "k") || bytes.suffix(3) == [27, UInt8(ascii: "["), UInt8(ascii: "A")] {
            self = .up
        } else if bytes.last == UInt8(ascii: "j") || bytes.suffix(3) == [27, UInt8(ascii: "["), UInt8(ascii: "B")] {
            self = .down
        } else {
            return nil
        }
    }
}
