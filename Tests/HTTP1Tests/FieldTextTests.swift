import HTTP1
import Testing

@Suite struct FieldTextTests {
    private func with<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        Array(text.utf8).withUnsafeBytes(body)
    }

    @Test(
        "lists",
        arguments: [
            ("", []), (",, ,", []), ("a", ["a"]), (" a ,\tb,", ["a", "b"]), ("a=\"b,c\", d", ["a=\"b,c\"", "d"]),
            ("\"a\\\",b\",c", ["\"a\\\",b\"", "c"]), ("\"a,b", ["\"a,b"]), ("\"a\\", ["\"a\\"]),
        ] as [(String, [String])])
    func elements(_ text: String, _ expected: [String]) {
        var found: [String] = []
        with(text) { FieldText.forEachElement($0) { found.append(String(decoding: $0, as: UTF8.self)) } }
        #expect(found == expected)
    }

    @Test(
        "numbers",
        arguments: [("0", 0), ("007", 7), ("2147483649", 1 << 31), ("99999999999999999999999", 1 << 31)]
            + ["", "-1", "+1", "1 ", "0x1", "1.0"].map { ($0, nil) } as [(String, Int?)])
    func number(_ text: String, _ expected: Int?) { #expect(with(text) { FieldText.number($0) } == expected) }

    @Test func `Case counts for letters only`() {
        #expect(with("Max-AGE") { FieldText.equal($0, "max-age") })
        #expect(with("\u{0D}") { !FieldText.equal($0, "-") })
        #expect(with("@") { !FieldText.equal($0, "`") })
        #expect(with("[") { !FieldText.equal($0, "{") })
    }

    @Test func `A value is split at the first separator`() {
        with(" a = b=c ") {
            let (name, value) = FieldText.split($0, at: UInt8(ascii: "="))
            #expect(name.elementsEqual("a".utf8) && value?.elementsEqual("b=c".utf8) == true)
        }
        with("a") { #expect(FieldText.split($0, at: UInt8(ascii: "=")).1 == nil) }
    }
}
