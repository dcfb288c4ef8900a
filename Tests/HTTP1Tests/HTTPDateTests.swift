import Glibc
import HTTP1
import Testing

@Suite struct HTTPDateTests {
    private func parse(_ text: String) -> Int? {
        Array(text.utf8).withUnsafeBytes { HTTPDate.parse($0, now: 1_800_000_000) }
    }

    @Test(
        "dates",
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199), ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_799),
            ("Friday, 01-Jan-77 00:00:00 GMT", 3_376_684_800), ("Saturday, 01-Jan-78 00:00:00 GMT", 252_460_800),
            ("Mon, 01 Jan 1900 00:00:00 GMT", -2_208_988_800), ("Sun Nov 16 08:49:37 1994", 784_975_777),
        ])
    func reads(_ text: String, _ seconds: Int) { #expect(parse(text) == seconds) }

    @Test(
        "what is none",
        arguments: [
            "", "0", "-1", "Sun", "Sun,", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT", "Thu, 29 Feb 2023 00:00:00 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nev 1994 08:49:37 GMT", "Sun, 06-Nov-94 08:49:37", "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sun Nov x6 08:49:37 1994", "xxxxxxxxxxxxxxxxxxxxxxxx", ",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,",
            "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun Nov 006 08:49:37 1994", "Sun, 00 Nov 1994 08:49:37 GMT",
        ])
    func refuses(_ text: String) { #expect(parse(text) == nil) }

    @Test func `What is written is read as what it was`() {
        for seconds in stride(from: -3_000_000_000, to: 9_000_000_000, by: 7_654_321) {
            let bytes = HTTPDate.format(seconds)
            #expect(bytes.count == 29)
            #expect(bytes.withUnsafeBytes { HTTPDate.parse($0, now: 0) } == seconds)
        }
    }

    @Test(arguments: [0, 951_782_399, 951_868_799, 1_478_422_177, 4_102_444_799, -1, 1_709_164_800, 1_735_689_599])
    func `What is written is what the C library writes`(_ seconds: Int) {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, 64, "%a, %d %b %Y %H:%M:%S GMT", &parts)
        #expect(HTTPDate.format(seconds) == buffer[..<count].map { UInt8(bitPattern: $0) })
    }

    @Test func `What four digits cannot say is the nearest that they can`() {
        for (seconds, text) in [
            (Int.max, "Fri, 31 Dec 9999 23:59:59 GMT"), (253_402_300_800, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (Int.min, "Sat, 01 Jan 0000 00:00:00 GMT"),
        ] {
            #expect(String(decoding: HTTPDate.format(seconds), as: UTF8.self) == text)
        }
    }
}
