/// Dates of HTTP (RFC 9110 section 5.6.7), in seconds since 1970.
enum HTTPTime {
    private static let weekdays: StaticString = "ThuFriSatSunMonTueWed"
    private static let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    static func format(_ seconds: Int) -> [UInt8] {
        let day = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400
        let clock = seconds - day * 86400
        let date = civil(day)
        var text: [UInt8] = []
        text.reserveCapacity(29)
        append(weekdays, ((day % 7) + 7) % 7, to: &text)
        text += ", ".utf8
        append(date.day, to: &text)
        text.append(32)
        append(months, date.month - 1, to: &text)
        text.append(32)
        append(date.year / 100, to: &text)
        append(date.year % 100, to: &text)
        text.append(32)
        append(clock / 3600, to: &text)
        text.append(UInt8(ascii: ":"))
        append(clock / 60 % 60, to: &text)
        text.append(UInt8(ascii: ":"))
        append(clock % 60, to: &text)
        text += " GMT".utf8
        return text
    }

    /// All three forms that a recipient must understand; nil for anything else.
    static func parse(_ text: UnsafeRawBufferPointer) -> Int? {
        switch text.count {
        case 29 where text[3] == UInt8(ascii: ","): parseFixed(text)
        case 24: parseAsctime(text)
        default: parseRFC850(text)
        }
    }

    private static func parseFixed(_ text: UnsafeRawBufferPointer) -> Int? {
        guard text[4] == 32, text[7] == 32, text[11] == 32, text[16] == 32, text.from(25).equals(" GMT"),
            let day = number(text, 5, 2), let month = month(text, 8), let year = number(text, 12, 4)
        else { return nil }
        return seconds(year, month, day, clock: text.from(17))
    }

    /// `Sunday, 06-Nov-94 08:49:37 GMT`
    private static func parseRFC850(_ text: UnsafeRawBufferPointer) -> Int? {
        guard let comma = text.firstIndex(of: UInt8(ascii: ",")), (6...9).contains(comma) else { return nil }
        let rest = text.from(comma + 1)
        guard rest.count == 23, rest[0] == 32, rest[3] == UInt8(ascii: "-"), rest[7] == UInt8(ascii: "-"),
            rest[10] == 32, rest.from(19).equals(" GMT"), let day = number(rest, 1, 2), let month = month(rest, 4),
            let year = number(rest, 8, 2)
        else { return nil }
        // Two digits that seem to lie more than 50 years ahead are in the past; this pivot is right until 2120.
        return seconds(year < 70 ? 2000 + year : 1900 + year, month, day, clock: rest.from(11))
    }

    /// `Sun Nov  6 08:49:37 1994`
    private static func parseAsctime(_ text: UnsafeRawBufferPointer) -> Int? {
        let dayStart = text[8] == 32 ? 9 : 8
        guard text[3] == 32, text[7] == 32, text[10] == 32, text[19] == 32, let month = month(text, 4),
            let day = number(text, dayStart, 10 - dayStart), let year = number(text, 20, 4)
        else { return nil }
        return seconds(year, month, day, clock: text.from(11))
    }

    private static func seconds(_ year: Int, _ month: Int, _ day: Int, clock: UnsafeRawBufferPointer) -> Int? {
        guard clock[2] == UInt8(ascii: ":"), clock[5] == UInt8(ascii: ":"), let hour = number(clock, 0, 2),
            let minute = number(clock, 3, 2), let second = number(clock, 6, 2),
            (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        return dayNumber(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
    }

    private static func number(_ text: UnsafeRawBufferPointer, _ start: Int, _ count: Int) -> Int? {
        UnsafeRawBufferPointer(rebasing: text[start..<start + count]).decimal
    }

    private static func month(_ text: UnsafeRawBufferPointer, _ start: Int) -> Int? {
        for month in 0..<12 {
            let name = months.utf8Start + month * 3
            if text[start] == name[0], text[start + 1] == name[1], text[start + 2] == name[2] { return month + 1 }
        }
        return nil
    }

    private static func append(_ names: StaticString, _ index: Int, to text: inout [UInt8]) {
        for at in index * 3..<index * 3 + 3 { text.append(names.utf8Start[at]) }
    }

    private static func append(_ number: Int, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / 10 % 10))
        text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
    }

    // The Gregorian calendar in eras of 400 years that start on 1 March, so that the leap day is a year's last day.
    private static let daysPerEra = 146_097
    private static let daysBefore1970 = 719_468

    private static func dayNumber(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * daysPerEra + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - daysBefore1970
    }

    private static func civil(_ number: Int) -> (year: Int, month: Int, day: Int) {
        let number = number + daysBefore1970
        let era = (number >= 0 ? number : number - daysPerEra + 1) / daysPerEra
        let dayOfEra = number - era * daysPerEra
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}
