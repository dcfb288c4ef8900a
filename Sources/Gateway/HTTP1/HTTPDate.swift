/// The dates of HTTP (RFC 9110 section 5.6.7) as seconds since 1970, in all three forms. Pure arithmetic: no time zones, no
/// locale, no libc.
package enum HTTPDate {
    /// 2026. Whoever has no clock at hand reckons from here: two-digit years are written by programs of the last century.
    package static let assumedNow = 1_767_225_600
    /// What four digits can say: the years 0 to 9999.
    private static let writable = -62_167_219_200...253_402_300_799

    /// Nil when it is none of the forms. `now` tells which century a two-digit year means: never more than 50 years ahead.
    package static func parse(_ bytes: UnsafeRawBufferPointer, now: Int = assumedNow) -> Int? {
        guard let comma = bytes.firstIndex(of: UInt8(ascii: ",")) else { return parseAsctime(bytes) }
        var scanner = Scanner(bytes: bytes, at: comma + 1)
        guard isWeekday(bytes, comma), scanner.skip(" "), let day = scanner.digits(2) else { return nil }
        let isOld = scanner.skip("-")
        guard isOld || scanner.skip(" "), let month = scanner.month(), scanner.skip(isOld ? "-" : " ") else {
            return nil
        }
        guard var year = scanner.digits(isOld ? 2 : 4) else { return nil }
        if isOld { year = fullYear(year, now: now) }
        guard scanner.skip(" "), let time = scanner.time(), scanner.skip(" GMT"), scanner.isAtEnd else { return nil }
        return seconds(year, month, day, time)
    }

    /// `Sun Nov  6 08:49:37 1994`
    private static func parseAsctime(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var scanner = Scanner(bytes: bytes, at: 3)
        guard bytes.count == 24, isWeekday(bytes, 3), scanner.skip(" "), let month = scanner.month(), scanner.skip(" ")
        else { return nil }
        let oneDigit = scanner.skip(" ")
        guard let day = scanner.digits(oneDigit ? 1 : 2), scanner.skip(" "), let time = scanner.time(),
            scanner.skip(" "), let year = scanner.digits(4), scanner.isAtEnd
        else { return nil }
        return seconds(year, month, day, time)
    }

    /// A whole name for the second form, three letters for the others. Whether it is the right one is nobody's business.
    private static func isWeekday(_ bytes: UnsafeRawBufferPointer, _ count: Int) -> Bool {
        (3...9).contains(count) && bytes[..<count].allSatisfy { FieldText.lowercased($0) &- UInt8(ascii: "a") < 26 }
    }

    private static func fullYear(_ twoDigits: Int, now: Int) -> Int {
        let thisYear = civil(days: floorDivide(now, 86400)).year
        let year = thisYear - thisYear % 100 + twoDigits
        return year > thisYear + 50 ? year - 100 : year
    }

    private static func seconds(_ year: Int, _ month: Int, _ day: Int, _ time: Int) -> Int? {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let last = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
        guard (1...last).contains(day) else { return nil }
        return days(year, month, day) * 86400 + time
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    package static let length = 29

    /// Always `length` bytes: what lies outside the years 0 to 9999 is the nearest moment in them.
    package static func format(_ seconds: Int, to writer: inout ByteWriter) {
        let seconds = min(max(seconds, writable.lowerBound), writable.upperBound)
        let day = floorDivide(seconds, 86400)
        let time = seconds - day * 86400
        let date = civil(days: day)
        writer.write(name(weekdays, day + 4 - floorDivide(day + 4, 7) * 7))
        writer.write(", ")
        twoDigits(date.day, " ", to: &writer)
        writer.write(name(months, date.month - 1))
        writer.write(" ")
        twoDigits(date.year / 100, "", to: &writer)
        twoDigits(date.year % 100, " ", to: &writer)
        twoDigits(time / 3600, ":", to: &writer)
        twoDigits(time / 60 % 60, ":", to: &writer)
        twoDigits(time % 60, " GMT", to: &writer)
    }

    package static func format(_ seconds: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: length) { memory, count in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
            format(seconds, to: &writer)
            count = writer.count
        }
    }

    private static func twoDigits(_ number: Int, _ rest: StaticString, to writer: inout ByteWriter) {
        if number < 10 { writer.write("0") }
        writer.write(decimal: number)
        writer.write(rest)
    }

    private static func name(_ names: StaticString, _ index: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: names.utf8Start + index * 3, count: 3)
    }

    private static let weekdays: StaticString = "SunMonTueWedThuFriSat"
    fileprivate static let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

    // MARK: The calendar. Years begin in March here, so that the leap day is the last of its year.

    private static func floorDivide(_ a: Int, _ b: Int) -> Int { a >= 0 ? a / b : -((b - 1 - a) / b) }

    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let ofYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return year * 365 + year / 4 - year / 100 + year / 400 + ofYear - 719_468
    }

    private static func civil(days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * ofYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}

private struct Scanner {
    let bytes: UnsafeRawBufferPointer
    var at: Int

    var isAtEnd: Bool { at == bytes.count }

    mutating func skip(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard at + count <= bytes.count else { return false }
        for offset in 0..<count where bytes[at + offset] != text.utf8Start[offset] { return false }
        at += count
        return true
    }

    mutating func digits(_ count: Int) -> Int? {
        guard at + count <= bytes.count,
            let value = FieldText.number(UnsafeRawBufferPointer(rebasing: bytes[at..<(at + count)]))
        else { return nil }
        at += count
        return value
    }

    /// 1 to 12; names are case-sensitive.
    mutating func month() -> Int? {
        guard at + 3 <= bytes.count else { return nil }
        let names = HTTPDate.months.utf8Start
        for month in 0..<12 where (0..<3).allSatisfy({ bytes[at + $0] == names[month * 3 + $0] }) {
            at += 3
            return month + 1
        }
        return nil
    }

    /// Seconds of the day. A leap second counts as the one before it.
    mutating func time() -> Int? {
        guard let hour = digits(2), skip(":"), let minute = digits(2), skip(":"), let second = digits(2),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        return hour * 3600 + minute * 60 + min(second, 59)
    }
}
