import Glibc
import Linux
import Model

/// One event a line on standard error, which the core and everything else share.
struct SupervisorLog {
    let format: LogFormat

    func write(_ message: String) {
        // Nowhere is left to say that this failed.
        try? writeAll(STDERR_FILENO, Array((line(message) + "\n").utf8))
    }

    private func line(_ message: String) -> String {
        guard format == .text else {
            let time = Timestamp.now()
            return "{\"time\":\"\(time)\",\"level\":\"info\",\"message\":\(JSONText.quoted("supervisor: " + message))}"
        }
        // A message may quote what somebody else sent: it stays one line.
        let line = message.utf8.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: " ") : $0 }
        return "passenger[supervisor] " + String(decoding: line, as: UTF8.self)
    }
}
