import Glibc
import Linux

/// One event a line on standard error, which the core and everything else share.
func writeLog(_ message: String) {
    // A message may quote what somebody else sent: it stays one line.
    let line = message.utf8.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: " ") : $0 }
    // Nowhere is left to say that this failed.
    try? writeAll(STDERR_FILENO, Array("passenger[supervisor] ".utf8) + line + [UInt8(ascii: "\n")])
}
