import HTTP1
import Testing

@Suite struct IPAddressTests {
    @Test(
        "an address is written in its canonical form",
        arguments: [
            ("192.0.2.7", "192.0.2.7"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
            ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::1", "2001:db8::1"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
            ("::ffff:192.0.2.7", "192.0.2.7"), ("::ffff:c000:207", "192.0.2.7"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("fe80:0:0:0:0:0:0:1", "fe80::1"),
            ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
        ])
    func canonical(_ text: String, _ expected: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == expected)
        #expect(IPAddress(address.description) == address)
    }

    @Test(
        "what is not exactly an address is refused",
        arguments: [
            "", ".", ":", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "01.2.3.4", "1.2.3.04", "1.2.3.256",
            "1.2.3.4 ",
            "1.2.3.4:80", "0x1.2.3.4", ":::", "1:2", "1::2::3", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7",
            "12345::", "g::", "::1%eth0", "[::1]", "1:2:3:4:5:6:7:8::", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4::",
        ])
    func malformed(_ text: String) { #expect(IPAddress(text) == nil) }

    @Test("ranges hold what lies in them")
    func ranges() {
        let ranges = AddressRanges(["10.0.0.0/8", "192.0.2.7", "2001:db8::/33", "nonsense", "10.0.0.0/33", "1.2.3.4/x"])
        for inside in ["10.0.0.0", "10.255.255.255", "192.0.2.7", "::ffff:10.1.1.1", "2001:db8:7fff::1"] {
            #expect(IPAddress(inside).map(ranges.contains) == true, "\(inside)")
        }
        for outside in ["11.0.0.0", "9.255.255.255", "192.0.2.8", "2001:db8:8000::1", "::1", "1.2.3.4", "::a00:1"] {
            #expect(IPAddress(outside).map(ranges.contains) == false, "\(outside)")
        }
        #expect(AddressRanges([]).isEmpty)
        #expect(AddressRanges(["0.0.0.0/0"]).contains(IPAddress(v4: 1)))
        #expect(!AddressRanges(["::/0"]).contains(IPAddress(v4: 1)))
        #expect(AddressRanges(["::ffff:10.0.0.0/104"]).contains(IPAddress(v4: 0x0a01_0203)))
    }
}
