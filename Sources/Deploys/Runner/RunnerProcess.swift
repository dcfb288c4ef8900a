import Foundation
import Glibc
import Linux
import Model

/// `passenger _run`: one build or hook command, as the deploy user.
///
/// It lives outside the core so that a command's end is known whatever happens to the core: it appends what the command
/// did to a record that the core opened (`RunnerRecord`), and copies the output to its own stdout for whoever follows it
/// now. That stdout may go away at any time; the record may not.
///
/// Input: one `RunnerCommand` as JSON. SIGTERM ends the command's process group, as its time limit does.
package enum RunnerProcess {
    /// A line of standard error that begins so is the runner's own, not its command's.
    package static let complaint = "passenger _run: "

    /// The exit status is 0 when the command's end was recorded, however it ended.
    package static func run(input: Int32 = 0, live: Int32 = 1, record: Int32 = 3) -> Int32 {
        do {
            try ignoreSignal(SIGPIPE)
            let bytes = try readAll(input, limit: 1 << 20)
            let command = try JSONDecoder().decode(RunnerCommand.self, from: Data(bytes))
            let run = try RunnerLoop(command, live: live, record: record)
            try run.finish()
            return 0
        } catch {
            // Nobody else would say it: the core shows the runner's stderr.
            try? writeAll(STDERR_FILENO, Array("\(RunnerProcess.complaint)\(error)\n".utf8))
            return 1
        }
    }
}

/// The command while it runs: its output, its end, its time limit, and a request to stop.
private final class RunnerLoop {
    /// After TERM a command may clean up for so long.
    private static let grace = Duration.seconds(5)

    private enum Token: UInt64 { case output, process, signals, live }
    private enum Stop { case timeLimit, asked }

    private let pid: Int32
    private let output: Descriptor
    private let process: Descriptor
    private let signals: SignalDescriptor
    private let epoll: Epoll
    private var writer: RunnerRecordWriter
    private var live: LiveCopy
    private var lines = OutputLines()
    private let deadline: Instant
    private var killAt: Instant?
    private var stop: Stop?

    init(_ command: RunnerCommand, live: Int32, record: Int32) throws {
        signals = try SignalDescriptor([SIGTERM, SIGINT])
        let pipe = try Linux.Pipe()
        let gate = try Linux.Pipe(nonBlockingReader: false)
        epoll = try Epoll()
        let null = try openFile("/dev/null", flags: O_RDONLY)
        var environment = ProcessInfo.processInfo.environment
        environment.merge(command.environment) { $1 }
        writer = RunnerRecordWriter(descriptor: record)
        try writer.started(command: command.command)
        // The shell changes directory itself: a directory that is missing is then an error like any other of a command. It waits
        // until somebody can watch over the command.
        let script = #"read -r go <&3 && exec 3<&- && cd -- "$1" && exec sh -c "$2""#
        pid = try spawnProcess(
            path: "/bin/sh", arguments: ["sh", "-c", script, "sh", command.directory, command.command],
            environment: environment.map { "\($0.key)=\($0.value)" }.sorted(),
            moves: [
                DescriptorMove(source: null.number, target: 0), DescriptorMove(source: pipe.writer.number, target: 1),
                DescriptorMove(source: pipe.writer.number, target: 2),
                DescriptorMove(source: gate.reader.number, target: 3),
            ])
        process = try pidfdOpen(pid: pid)
        output = try pipe.reader.duplicate()
        deadline = monotonicNow() + command.timeout
        self.live = LiveCopy(descriptor: live)
        try epoll.add(output.number, .readable, token: Token.output.rawValue)
        try epoll.add(process.number, .readable, token: Token.process.rawValue)
        try epoll.add(signals.number, .readable, token: Token.signals.rawValue)
        try writeAll(gate.writer.number, [UInt8(ascii: "\n")])
    }

    func finish() throws {
        while try !step() {}
        takeOutput()
        for line in lines.rest() { keep(line) }
        // The leader is still a zombie, so its group cannot be another's by now: what it left behind goes too, when it
        // was told to stop. After an orderly end a command may leave a daemon.
        if stop != nil { try? signalGroup(pid, SIGKILL) }
        let reason = try waitForChild(pid)
        try writer.ended(stop == .timeLimit ? .timedOut : .ended(reason))
        live.drain(for: .seconds(2))
    }

    /// True once the command has ended.
    private func step() throws -> Bool {
        let now = monotonicNow()
        if now >= deadline, stop == nil { begin(.timeLimit, now) }
        if let killAt, now >= killAt {
            try? signalGroup(pid, SIGKILL)  // it may have ended in this very moment
            self.killAt = now + RunnerLoop.grace
        }
        var hasEnded = false
        for event in try epoll.wait(timeoutMilliseconds: milliseconds(until: killAt ?? deadline, now)) {
            switch Token(rawValue: event.token) {
            case .output: takeOutput()
            case .process: hasEnded = true
            case .signals: if try signals.next() != nil, stop == nil { begin(.asked, monotonicNow()) }
            case .live, nil: break
            }
        }
        live.flush()
        return hasEnded
    }

    private func begin(_ reason: Stop, _ now: Instant) {
        stop = reason
        killAt = now + RunnerLoop.grace
        try? signalGroup(pid, SIGTERM)  // it may have ended in this very moment
    }

    /// At most 50 ms while live output waits for its reader, so that it goes on soon; the record never waits for it.
    private func milliseconds(until instant: Instant, _ now: Instant) -> Int {
        let left = max(0, (instant - now).wholeNanoseconds / 1_000_000 + 1)
        return Int(min(left, live.isBehind ? 50 : 60_000))
    }

    private func takeOutput() {
        while true {
            // EAGAIN: nothing more for now. At the end the descriptor stays readable: stop listening to it.
            guard let bytes = try? readSome(output.number, limit: 64 << 10) else { return }
            guard !bytes.isEmpty else {
                try? epoll.remove(output.number)
                return
            }
            for line in lines.append(bytes) { keep(line) }
        }
    }

    private func keep(_ line: String) {
        writer.output(line)
        live.append(line)
    }
}
