/// Times of the log in UTC, formatted once a second: `25/Nov/2026:17:24:44 +0000` and `2026-11-25T17:24:44`.
struct LogTime {
    private var second: Int64 = .min
    private(set) var text: [UInt8] = []
    private(set) var iso: [UInt8] = []

    /// Makes both for this second since 1970.
    mutating func set(_ second: Int64) {
        guard second != self.second else { return }
        self.second = second
        let days = second / 86400 - (second % 86400 < 0 ? 1 : 0)
        let rest = second - days * 86400
        let (year, month, day) = LogTime.date(days)
        var clock = LineWriter()
        clock.append(rest / 3600, digits: 2)
        clock.append(":")
        clock.append(rest / 60 % 60, digits: 2)
        clock.append(":")
        clock.append(rest % 60, digits: 2)

        var line = LineWriter()
        line.append(day, digits: 2)
        line.append("/")
        line.append(LogTime.monthName(month))
        line.append("/")
        line.append(year, digits: 4)
        line.append(":")
        text = line.bytes + clock.bytes + Array(" +0000".utf8)

        line.bytes.removeAll()
        line.append(year, digits: 4)
        line.append("-")
        line.append(month, digits: 2)
        line.append("-")
        line.append(day, digits: 2)
        line.append("T")
        iso = line.bytes + clock.bytes
    }

    /// The proleptic Gregorian date of a day since 1970, counted in eras of 400 years that start in March.
    static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * part + 2) / 5 + 1)
    }

    private static func monthName(_ month: Int64) -> StaticString {
        switch month {
        case 1: "Jan"
        case 2: "Feb"
        case 3: "Mar"
        case 4: "Apr"
        case 5: "May"
        case 6: "Jun"
        case 7: "Jul"
        case 8: "Aug"
        case 9: "Sep"
        case 10: "Oct"
        case 11: "Nov"
        default: "Dec"
        }
    }
}
