import HTTP1
import Testing

/// Headers of version 2, and parts of them.
private enum Binary {
    static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]
    static let addresses: [UInt8] = [192, 0, 2, 7, 192, 0, 2, 1, 0xdc, 0x04, 0x01, 0xbb]

    static func binary(_ command: UInt8, _ family: UInt8, _ rest: [UInt8]) -> [UInt8] {
        signature + [command, family, UInt8(rest.count >> 8), UInt8(rest.count & 255)] + rest
    }
    static func field(_ type: UInt8, _ value: [UInt8]) -> [UInt8] {
        [type, UInt8(value.count >> 8), UInt8(value.count & 255)] + value
    }
    /// With a checksum made by another algorithm than the one under test: a table, byte by byte.
    static func checksummed(_ rest: [UInt8]) -> [UInt8] {
        var table: [UInt32] = []
        for start in 0..<256 {
            var value = UInt32(start)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
            table.append(value)
        }
        let zeroed = binary(0x21, 0x11, rest + field(3, [0, 0, 0, 0]))
        var sum = UInt32.max
        for byte in zeroed { sum = table[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] ^ sum >> 8 }
        sum = ~sum
        let bigEndian: [UInt8] = withUnsafeBytes(of: sum.bigEndian) { Array($0) }
        return Array(zeroed.dropLast(4)) + bigEndian
    }
    /// The first of its checksums is right, if the second one is taken as it stands.
    static var checksummedTwice: [UInt8] {
        var bytes = checksummed(addresses + field(3, [0, 0, 0, 0]))
        // Equal fields in the other order: the sum stands in the first of them.
        let sum = bytes.suffix(4)
        bytes.replaceSubrange((bytes.count - 11)..<(bytes.count - 7), with: sum)
        bytes.replaceSubrange((bytes.count - 4)..., with: [0, 0, 0, 0])
        return bytes
    }
}

@Suite struct ProxyProtocolTests {
    private static let v4 = ProxyOrigin.client(
        IPAddress(v4: 0xc000_0207), port: 56324, destination: IPAddress(v4: 0xc000_0201), destinationPort: 443)

    private func parse(_ bytes: [UInt8]) -> ProxyResult {
        // Memory of exactly that size, so that a sanitizer notices a read past the end.
        Array(bytes).withUnsafeBytes { ProxyProtocol.parse($0) }
    }
    private func parse(_ text: String) -> ProxyResult { parse(Array(text.utf8)) }

    @Test("a line of version 1 says whose connection it is")
    func line() throws {
        let text = "PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n"
        #expect(parse(text + "GET / HTTP/1.1\r\n") == .header(ProxyHeader(length: text.utf8.count, origin: Self.v4)))
        let v6 = try #require(IPAddress("2001:db8::1"))
        let v6Text = "PROXY TCP6 2001:DB8::1 ::1 0 65535\r\n"
        #expect(
            parse(v6Text)
                == .header(
                    ProxyHeader(
                        length: v6Text.utf8.count,
                        origin: .client(v6, port: 0, destination: IPAddress(high: 0, low: 1), destinationPort: 65535))))
        #expect(parse("PROXY UNKNOWN\r\n") == .header(ProxyHeader(length: 15, origin: .unknown)))
        #expect(parse("PROXY UNKNOWN any thing\r\n") == .header(ProxyHeader(length: 25, origin: .unknown)))
    }

    @Test(
        "a line that is not exactly as specified is refused",
        arguments: [
            ("GET / HTTP/1.1\r\n", ProxyRejection.missing), ("PROXX", .missing), ("proxy TCP4", .missing),
            ("\n", .missing),
            ("PROXY\r\n", .missing), ("PROXY \r\n", .badLine), ("PROXY TCP4\r\n", .badLine),
            ("PROXY UDP4 1.1.1.1\r\n", .badLine),
            ("PROXY UNKNOWNS\r\n", .badLine), ("PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", .badLine),
            ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n", .badLine), ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n", .badLine),
            ("PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n", .badAddress), ("PROXY TCP4 1.1.1.1 ::1 1 2\r\n", .badAddress),
            ("PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", .badAddress), ("PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n", .badAddress),
            ("PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", .badPort), ("PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n", .badPort),
            ("PROXY TCP4 1.1.1.1 2.2.2.2 1 \r\n", .badPort), ("PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n", .badPort),
            ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", .badLine), ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rX", .badLine),
            ("PROXY UNKNOWN " + String(repeating: "x", count: 92) + "\r\n", .tooLong),
        ])
    func badLine(_ text: String, _ reason: ProxyRejection) {
        #expect(parse(text) == .rejected(reason), "\(text.debugDescription)")
    }

    @Test("the longest line of version 1 fits exactly")
    func longest() {
        let text = "PROXY UNKNOWN " + String(repeating: "x", count: 91) + "\r\n"
        #expect(text.utf8.count == 107)
        #expect(parse(text) == .header(ProxyHeader(length: 107, origin: .unknown)))
    }

    @Test("a header of version 2 says whose connection it is")
    func binary() throws {
        #expect(parse(Binary.binary(0x21, 0x11, Binary.addresses)) == .header(ProxyHeader(length: 28, origin: Self.v4)))
        var six = [UInt8](repeating: 0, count: 36)
        six.replaceSubrange(15..<20, with: [1, 0x20, 1, 0xd, 0xb8])
        six.replaceSubrange(32..., with: [0, 1, 0, 2])
        let v6 = try #require(IPAddress("2001:db8::"))
        #expect(
            parse(Binary.binary(0x21, 0x21, six))
                == .header(
                    ProxyHeader(
                        length: 52,
                        origin: .client(IPAddress(high: 0, low: 1), port: 1, destination: v6, destinationPort: 2))))
        let unix = [UInt8](repeating: 0x2f, count: 216)
        #expect(parse(Binary.binary(0x21, 0x31, unix)) == .header(ProxyHeader(length: 232, origin: .unixClient)))
    }

    @Test("a local connection and one of unknown family keep the socket's addresses, whatever follows")
    func local() {
        #expect(parse(Binary.binary(0x20, 0, [])) == .header(ProxyHeader(length: 16, origin: .local)))
        #expect(parse(Binary.binary(0x20, 0x99, [1, 2, 3])) == .header(ProxyHeader(length: 19, origin: .local)))
        #expect(parse(Binary.binary(0x21, 0, [1, 2, 3])) == .header(ProxyHeader(length: 19, origin: .unknown)))
        #expect(
            parse(Binary.binary(0x21, 0x12, Binary.addresses)) == .header(ProxyHeader(length: 28, origin: .unknown)))
    }

    @Test("fields give the host name and an id; a checksum is verified")
    func fields() {
        let fields = [
            Binary.field(1, Array("h2".utf8)), Binary.field(2, Array("example.com".utf8)), Binary.field(5, [7, 8]),
            Binary.field(0x20, [1, 0, 0, 0, 0]), Binary.field(0xe0, []),
        ]
        let rest = Binary.addresses + fields.flatMap { $0 }
        let plain = ProxyHeader(
            length: 16 + rest.count, origin: Self.v4, authority: ByteRange(36, 47), uniqueID: ByteRange(50, 52))
        #expect(parse(Binary.binary(0x21, 0x11, rest)) == .header(plain))
        let summed = Binary.checksummed(rest)
        var longer = plain
        longer.length += 7
        #expect(parse(summed) == .header(longer))
        for at in [17, 40, summed.count - 1] {
            var changed = summed
            changed[at] ^= 1
            #expect(parse(changed) == .rejected(.badChecksum))
        }
    }

    @Test(
        "a header of version 2 that is not as specified is refused",
        arguments: [
            (Binary.binary(0x11, 0x11, Binary.addresses), ProxyRejection.badVersion),
            (Binary.binary(0x31, 0x11, Binary.addresses), .badVersion),
            (Binary.binary(0x22, 0x11, Binary.addresses), .badCommand),
            (Binary.binary(0x21, 0x41, Binary.addresses), .badFamily),
            (Binary.binary(0x21, 0x13, Binary.addresses), .badFamily),
            (Binary.binary(0x21, 0x11, Array(Binary.addresses.dropLast())), .badLength),
            (Binary.binary(0x21, 0x21, Binary.addresses), .badLength),
            (Binary.binary(0x21, 0x31, Binary.addresses), .badLength),
            (Binary.binary(0x21, 0x11, Binary.addresses + [1]), .badField),
            (Binary.binary(0x21, 0x11, Binary.addresses + [1, 0, 1]), .badField),
            (Binary.binary(0x21, 0x11, Binary.addresses + Binary.field(3, [1])), .badField),
            (Binary.checksummedTwice, .badField),
            (
                Binary.binary(0x21, 0x11, Binary.addresses + Binary.field(5, [UInt8](repeating: 1, count: 129))),
                .badField
            ),
            (
                Binary.binary(0x21, 0x11, Binary.addresses + Binary.field(4, [UInt8](repeating: 0, count: 4090))),
                .tooLong
            ),
            (Array(Binary.signature.dropLast()) + [11], .missing), ([13, 10, 71], .missing),
        ])
    func badBinary(_ bytes: [UInt8], _ reason: ProxyRejection) { #expect(parse(bytes) == .rejected(reason)) }

    @Test("how the header is cut up never changes the answer")
    func splits() {
        let wholes = [
            Array("PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n".utf8), Array("PROXY UNKNOWN\r\n".utf8),
            Binary.binary(0x21, 0x11, Binary.addresses + Binary.field(2, [65])), Binary.binary(0x20, 0, []),
            Binary.checksummed(Binary.addresses), Array("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rX".utf8),
            Array("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n".utf8), Binary.binary(0x21, 0x21, Binary.addresses),
        ]
        for whole in wholes {
            let last = parse(whole)
            for count in 0...whole.count {
                let some = parse(Array(whole[..<count]))
                #expect(some == .needMore || some == last, "\(count) of \(whole)")
                if count < whole.count, case .header = last { #expect(some == .needMore) }
            }
            #expect(last != .needMore)
        }
    }

    @Test("random changes never make it read past the end, take more than there is, or answer differently when cut up")
    func mutations() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededGenerator(seed: seed)
        let wholes = [
            Array("PROXY TCP6 2001:db8::1 ::ffff:1.2.3.4 56324 443\r\n".utf8), Binary.checksummed(Binary.addresses),
            Binary.binary(0x21, 0x11, Binary.addresses + Binary.field(2, [65]) + Binary.field(5, [1, 2, 3])),
        ]
        for _ in 0..<20_000 {
            var bytes = wholes[Int.random(in: 0..<wholes.count, using: &random)]
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: bytes.insert(UInt8.random(in: 32..<127, using: &random), at: at)
                default: if bytes.count > 1 { bytes.remove(at: at) }
                }
            }
            let whole = parse(bytes)
            if case .header(let header) = whole { #expect(header.length <= bytes.count, "seed \(seed)") }
            let cut = Int.random(in: 0...bytes.count, using: &random)
            let some = parse(Array(bytes[..<cut]))
            #expect(some == .needMore || some == whole, "seed \(seed), \(cut) of \(bytes)")
        }
    }
}
