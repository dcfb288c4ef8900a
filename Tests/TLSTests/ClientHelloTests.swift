import Testing

@testable import TLS

@Suite struct ClientHelloTests {
    private static func block(_ size: Int, _ bytes: [UInt8]) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * (size - 1 - $0))) } + bytes
    }

    static func message(_ name: [UInt8]?) -> [UInt8] {
        let serverName = name.map { [0, 0] + block(2, block(2, [0] + block(2, $0))) } ?? []
        let extensions = [0, 16] + block(2, [0, 3, 2, 104, 50]) + serverName
        let body = [3, 3] + [UInt8](repeating: 7, count: 32) + block(1, [1, 2]) + block(2, [0x13, 1]) + block(1, [0])
        return [1] + block(3, body + block(2, extensions))
    }

    static func records(_ message: [UInt8], size: Int = 16384) -> [UInt8] {
        stride(from: 0, to: message.count, by: size).flatMap { start in
            [22, 3, 1] + block(2, Array(message[start..<min(start + size, message.count)]))
        }
    }

    private func parse(_ bytes: [UInt8]) -> ClientHello { bytes.withUnsafeBytes(ClientHello.parse) }

    @Test("the name is found however the hello is cut into records", arguments: [1, 3, 7, 50, 16384])
    func fragments(_ size: Int) {
        let bytes = Self.records(Self.message(Array("example.com".utf8)), size: size)
        #expect(parse(bytes) == .serverName("example.com"))
        for length in 0..<bytes.count { #expect(parse(Array(bytes[..<length])) == .needMore, "\(length)") }
        #expect(parse(bytes + [20, 3, 3, 0, 1, 1]) == .serverName("example.com"))
    }

    @Test func whatIsNoNameIsNone() {
        #expect(parse(Self.records(Self.message(nil))) == .serverName(nil))
        #expect(parse(Self.records(Self.message([]))) == .serverName(nil))
        #expect(parse(Self.records(Self.message(Array("a\0b".utf8)))) == .serverName(nil))
        #expect(parse(Self.records(Self.message([UInt8](repeating: 97, count: 300)))) == .serverName(nil))
        #expect(parse(Array("GET / HTTP/1.1\r\n".utf8)) == .serverName(nil))
        #expect(parse([22, 2]) == .serverName(nil))
        #expect(parse([22, 3, 1, 0, 0]) == .serverName(nil))
        #expect(parse([22, 3, 1, 0, 4, 2, 0, 0, 4]) == .serverName(nil))
        // Longer than any hello.
        #expect(parse([22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff]) == .serverName(nil))
    }

    @Test func damagedHellosAreNoTrouble() {
        let bytes = Self.records(Self.message(Array("example.com".utf8)))
        for index in bytes.indices {
            for change: UInt8 in [1, 0x80, 0xff] {
                var damaged = bytes
                damaged[index] ^= change
                _ = parse(damaged)
            }
        }
    }
}
