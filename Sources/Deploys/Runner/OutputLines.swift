/// Cuts a command's output into lines. A carriage return ends one too (progress bars), and a line without an end is cut.
struct OutputLines {
    static let longest = 16 << 10
    private var pending: [UInt8] = []

    mutating func append(_ bytes: [UInt8]) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            let isEnd = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
            if !isEnd { pending.append(byte) }
            if isEnd || pending.count >= OutputLines.longest { take(&lines, keepsEmpty: byte == UInt8(ascii: "\n")) }
        }
        return lines
    }

    mutating func rest() -> [String] {
        var lines: [String] = []
        take(&lines, keepsEmpty: false)
        return lines
    }

    /// "\r\n" is one end: the second half would make an empty line.
    private mutating func take(_ lines: inout [String], keepsEmpty: Bool) {
        defer { pending.removeAll(keepingCapacity: true) }
        if !pending.isEmpty {
            lines.append(String(decoding: pending, as: UTF8.self))
            endedByReturn = !keepsEmpty
        } else if keepsEmpty, !endedByReturn {
            lines.append("")
        } else {
            endedByReturn = false
        }
    }
    private var endedByReturn = false
}
