import Glibc
import Linux
import Model

struct TimedOut: Error, CustomStringConvertible {
    var what: String
    var evidence: String
    var description: String { "it took too long: \(what)\n\(evidence)" }
}

/// Waits until `condition` holds, looking again every 20 ms: for what tells nobody when it happens.
func eventually(
    _ what: String, within limit: Duration = .seconds(60), each pause: Duration = .milliseconds(20),
    evidence: () -> String = { "" }, _ condition: () throws -> Bool
) throws {
    let deadline = monotonicNow() + limit
    while try !condition() {
        guard monotonicNow() < deadline else { throw TimedOut(what: what, evidence: evidence()) }
        usleep(UInt32(pause.inMilliseconds * 1000))
    }
}

/// Whether the descriptor becomes readable in time; of a pidfd, whether the process has ended.
func waitReadable(_ descriptor: Int32, within limit: Duration) -> Bool {
    let deadline = monotonicNow() + limit
    while true {
        let left = deadline - monotonicNow()
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        if poll(&request, 1, Int32(max(0, left.inMilliseconds.rounded(.up)))) > 0 { return true }
        if left <= .zero { return false }
    }
}

/// Not a zombie either: what a parent has not waited for yet does nothing any more.
func isRunning(_ pid: Int32) -> Bool { isRunning(pid, below: "/proc") }

/// `proc`: of another namespace of processes.
func isRunning(_ pid: Int32, below proc: String) -> Bool {
    guard let text = try? readFile("\(proc)/\(pid)/stat") else { return false }
    let fields = String(decoding: text, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
    return fields.first != "Z" && fields.first != "X"
}

func text(of path: String) -> String {
    (try? readFile(path, limit: 8 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
}
