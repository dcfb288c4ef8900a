/// Numbers as people read them.
package enum HumanFormat {
    /// `0.4 ms`, `250 ms`, `3.2 s`, `2 m 05 s`, `3 h 12 m`, `4 d 3 h`.
    package static func duration(seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0 else { return "-" }
        if seconds < 0.0995 && seconds > 0 {
            let milliseconds = seconds * 1000
            return milliseconds < 9.95 ? "\(oneDecimal(milliseconds)) ms" : "\(Int(milliseconds.rounded())) ms"
        }
        if seconds < 0.9995 { return "\(Int((seconds * 1000).rounded())) ms" }
        if seconds < 59.95 { return "\(oneDecimal(seconds)) s" }
        let whole = Int(min(seconds.rounded(), 1e15))
        if whole < 3600 { return "\(whole / 60) m \(twoDigits(whole % 60)) s" }
        if whole < 86_400 { return "\(whole / 3600) h \(twoDigits(whole / 60 % 60)) m" }
        return "\(whole / 86_400) d \(whole / 3600 % 24) h"
    }

    /// `512 B`, `1.5 KB`, `12 MB`: powers of 1024, as the configuration reads them.
    package static func size(bytes: Int) -> String {
        guard bytes >= 1024 else { return "\(bytes) B" }
        var value = Double(bytes)
        for unit in ["KB", "MB", "GB"] {
            value /= 1024
            if value < 1023.5 { return "\(value < 9.95 ? oneDecimal(value) : String(Int(value.rounded()))) \(unit)" }
        }
        return "\(oneDecimal(value / 1024)) TB"
    }

    /// `1 worker`, `3 workers`.
    package static func count(_ number: Int, _ noun: String, _ plural: String? = nil) -> String {
        "\(number) \(number == 1 ? noun : plural ?? "\(noun)s")"
    }

    private static func oneDecimal(_ value: Double) -> String {
        let scaled = Int((value * 10).rounded())
        return "\(scaled / 10).\(scaled % 10)"
    }

    private static func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
